package history

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/corrupt"
	"provision/test/faults"
)

// A damaged record is passed over: it never tells another story, and never brings
// another inventory back.
func TestDamagedRecords(t *testing.T) {
	r := ran(37, Failed, "a")
	name, good := RunName(r.ID), encoded(t, r)
	r.Format = Format
	tally := corrupt.Feed(t, 1, func(in []byte) bool {
		got, err := DecodeRun(name, in)
		if err == nil {
			assert.Equal(t, r, got)
		}
		return err == nil
	}, good)

	s, _ := NewSources(map[string][]byte{"/inv/a.hcl": []byte("cluster \"dc1\" {}\n"), "/inv/b.hcl": []byte("host \"m1\" {}\n")})
	digest, packed, err := s.Encode()
	require.NoError(t, err)
	tally = tally.Add(corrupt.Feed(t, 2, func(in []byte) bool {
		got, err := DecodeSources(digest, in)
		if err == nil {
			assert.Equal(t, s, got)
		}
		return err == nil
	}, packed))

	steps := []Step{{Address: `m1/file["/x"]`, Action: "update", Changes: []string{"content"}}, {Address: `n1/unit["u"]`, Action: "restart"}}
	packed, err = EncodeSteps(steps)
	require.NoError(t, err)
	tally = tally.Add(corrupt.Feed(t, 3, func(in []byte) bool {
		got, err := DecodeSteps(in)
		if err == nil {
			assert.Equal(t, steps, got)
		}
		return err == nil
	}, packed))
	faults.Record(t, "history-damaged-records", "a damaged record of a run, its steps or its inventory is skipped and named; none ever shows anything but what was written",
		"bits flipped, parts cut, doubled, moved and spliced in the three kinds of records", "%d inputs: %d refused, %d differ in nothing that counts", tally.Inputs, tally.Rejected, tally.Accepted)
}

func FuzzRun(f *testing.F) {
	r := ran(37, Failed, "a")
	f.Add(encoded(f, r))
	f.Fuzz(func(t *testing.T, in []byte) {
		// The checksum keeps nearly all out: go around it, too.
		for _, raw := range [][]byte{in, seal(in)} {
			got, err := DecodeRun(RunName(r.ID), raw)
			if err != nil {
				continue
			}
			encoded, err := got.Encode()
			if err != nil {
				continue // a host would not have kept one so large
			}
			again, err := DecodeRun(RunName(got.ID), encoded)
			require.NoError(t, err)
			assert.Equal(t, got.ID, again.ID)
			_ = got.Outcome()
		}
	})
}
