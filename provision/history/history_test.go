package history

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// ran is a run that ended like that, with the inventory of that name.
func ran(epoch uint64, result Result, inventory string) Run {
	r := Run{ID: NewID(epoch, "ab12"), Verb: "apply", Who: "ann@desk", Version: "1", Cluster: "dc1", Target: "the real hosts",
		Started: noon, Result: result, Steps: map[string]int{"update": 1}, HostCount: 1, Hosts: []string{"m1"}}
	if inventory != "" {
		r.Sources = strings.Repeat(inventory, 64)
	}
	if result != "" {
		r.Ended = noon.Add(3 * time.Second)
	}
	return r
}

func encoded(t require.TestingT, r Run) []byte {
	raw, err := r.Encode()
	require.NoError(t, err)
	return raw
}

func kept(t require.TestingT, runs ...Run) Kept {
	k := Kept{Sizes: map[string]int64{}, Runs: map[string][]byte{}}
	for _, r := range runs {
		raw := encoded(t, r)
		k.Runs[RunName(r.ID)], k.Sizes[RunName(r.ID)] = raw, int64(len(raw))
	}
	return k
}

func TestARunIsReadAsItWasWritten(t *testing.T) {
	want := ran(37, Failed, "a")
	want.Failures = []Failure{{Address: `m1/file["/x"]`, Error: "no room"}}
	got, err := DecodeRun(RunName(want.ID), encoded(t, want))
	require.NoError(t, err)
	want.Format = Format
	assert.Equal(t, want, got)
	assert.Equal(t, "37-ab12", got.Short())
	assert.Equal(t, 3*time.Second, got.Took())
	_, err = DecodeRun(RunName(NewID(38, "ab12")), encoded(t, want))
	assert.ErrorIs(t, err, errDamaged, "the record of another run")
}

func TestRecordsAreBounded(t *testing.T) {
	r := ran(1, Failed, "a")
	for i := range 1000 {
		name := fmt.Sprintf("host-%d", i)
		r.Hosts, r.Targets, r.Vars, r.Files = append(r.Hosts, name), append(r.Targets, name), append(r.Vars, name), append(r.Files, "/inventories/"+name)
		r.Failures = append(r.Failures, Failure{Address: name, Error: strings.Repeat("ü", 5000)})
	}
	raw := encoded(t, r)
	assert.Less(t, len(raw), maxRun)
	got, err := DecodeRun(RunName(r.ID), raw)
	require.NoError(t, err)
	assert.Len(t, got.Hosts, maxHosts)
	assert.Len(t, got.Failures, maxFailures)
	assert.Len(t, r.Failures, 1000, "the caller's run stays as it is")
}

func TestTheRecordThatTellsTheEndCounts(t *testing.T) {
	begun, ended := ran(5, "", "a"), ran(5, Done, "a")
	damaged := kept(t, ran(6, Done, "b"))
	damaged.Runs[RunName(NewID(6, "ab12"))][20] ^= 1
	log := Merge(map[string]Kept{"m1": kept(t, begun, ran(7, "", "c")), "m2": kept(t, ended), "m3": damaged})
	require.Len(t, log.Runs, 2)
	assert.Equal(t, []string{"7-ab12", "5-ab12"}, []string{log.Runs[0].Short(), log.Runs[1].Short()})
	assert.Equal(t, "not finished", log.Runs[0].Outcome())
	assert.Equal(t, Done, log.Runs[1].Result)
	require.Len(t, log.Damaged, 1)
	assert.Contains(t, log.Damaged[0], "of m3: damaged")
	assert.Equal(t, []string{"m1", "m2"}, log.Has[RunName(begun.ID)])
}

func TestRunsAreFoundByWhatAPersonTypes(t *testing.T) {
	log := Log{Runs: []Run{ran(12, Done, "c"), ran(1, Done, "b"), ran(1, Done, "a")}}
	log.Runs[2].ID = NewID(1, "zz99")
	for name, want := range map[string]string{"12": "12-ab12", "12-ab12": "12-ab12", log.Runs[0].ID: "12-ab12", "1-zz99": "1-zz99"} {
		r, err := log.Find(name)
		require.NoError(t, err, name)
		assert.Equal(t, want, r.Short())
	}
	_, err := log.Find("1")
	assert.ErrorContains(t, err, "ambiguous: it is 1-ab12 or 1-zz99")
	_, err = log.Find("2")
	assert.ErrorContains(t, err, "provision history")
}

func TestTheWayBack(t *testing.T) {
	limited := ran(9, Done, "e")
	limited.Targets = []string{"n1"}
	back := func(runs ...Run) Log { return Log{Runs: runs} }
	rolled := ran(20, Stopped, "a")
	rolled.Back = NewID(3, "ab12")
	for name, test := range map[string]struct {
		log   Log
		steps int
		want  string // the run, or the error
	}{
		"the one before":                {back(ran(5, Done, "b"), ran(3, Done, "a")), 1, "3-ab12"},
		"two ago":                       {back(ran(7, Done, "c"), ran(5, Done, "b"), ran(3, Done, "a")), 2, "3-ab12"},
		"the same inventory":            {back(ran(7, Done, "b"), ran(5, Done, "b"), ran(3, Done, "a")), 1, "3-ab12"},
		"failed ones are no goal":       {back(ran(7, Done, "c"), ran(5, Failed, "b"), ran(3, Done, "a")), 1, "3-ab12"},
		"killed ones are no goal":       {back(ran(7, Done, "c"), ran(5, "", "b"), ran(3, Done, "a")), 1, "3-ab12"},
		"limited ones are no goal":      {back(ran(11, Done, "c"), limited, ran(3, Done, "a")), 1, "3-ab12"},
		"from a failed one":             {back(ran(7, Failed, "c"), ran(5, Done, "b"), ran(3, Done, "a")), 1, "5-ab12"},
		"from a failed second try":      {back(ran(7, Failed, "b"), ran(5, Done, "b"), ran(3, Done, "a")), 1, "3-ab12"},
		"hosts down":                    {back(ran(7, Done, "c"), ran(5, Incomplete, "b")), 1, "5-ab12"},
		"there and back":                {back(ran(9, Done, "a"), ran(7, Done, "b"), ran(5, Done, "a")), 1, "7-ab12"},
		"an interrupted one is resumed": {back(rolled, ran(5, Done, "b"), ran(3, Done, "a")), 1, "3-ab12"},
		"too far":                       {back(ran(5, Done, "b"), ran(3, Done, "a")), 2, "only 1 earlier inventories are kept"},
		"not at all":                    {back(ran(5, Done, "b")), 0, "1 is the inventory before"},
		"nothing there":                 {back(), 1, "no run is recorded"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := test.log.Goal(test.steps)
			if err != nil {
				assert.ErrorContains(t, err, test.want)
				return
			}
			assert.Equal(t, test.want, r.Short())
			assert.NoError(t, r.Returnable())
		})
	}
	assert.ErrorContains(t, limited.Returnable(), "limited to targets")
	assert.ErrorContains(t, ran(1, Done, "").Returnable(), "not kept")
	assert.ErrorContains(t, ran(1, "", "a").Returnable(), "not finished")
}

// However runs come and go, what a host keeps stays within bounds, and what a
// run that is kept needs is kept with it.
func TestWhatIsKeptIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := Kept{Sizes: map[string]int64{}, Runs: map[string][]byte{}}
		for epoch := range uint64(rapid.IntRange(1, 260).Draw(t, "runs")) {
			r := ran(epoch+1, Done, rapid.SampledFrom([]string{"a", "b", "c", "d", ""}).Draw(t, "inventory"))
			raw := encoded(t, r)
			fresh := map[string]int64{RunName(r.ID): int64(len(raw)), StepsName(r.ID): rapid.Int64Range(0, 1<<20).Draw(t, "steps")}
			if r.Sources != "" {
				fresh[SourcesName(r.Sources)] = 1 << 18
			}
			size := int64(0)
			for _, n := range fresh {
				size += n
			}
			for _, name := range Surplus(k, size) {
				delete(k.Sizes, name)
				delete(k.Runs, name)
			}
			for name, n := range fresh {
				k.Sizes[name] = n
			}
			k.Runs[RunName(r.ID)] = raw
		}
		total := int64(0)
		for _, n := range k.Sizes {
			total += n
		}
		assert.LessOrEqual(t, total, int64(MaxBytes))
		assert.LessOrEqual(t, len(k.Runs), MaxRuns)
		for _, r := range Merge(map[string]Kept{"m1": k}).Runs {
			assert.Contains(t, k.Sizes, StepsName(r.ID))
			if r.Sources != "" {
				assert.Contains(t, k.Sizes, SourcesName(r.Sources))
			}
		}
	})
}

func TestWhatANewerProvisionKeepsIsLeftToIt(t *testing.T) {
	k := kept(t, ran(1, Done, "a"))
	k.Sizes["aa.hcl"], k.Sizes["junk"] = 5, 5
	assert.Equal(t, []string{"aa.hcl", "junk"}, Surplus(k, 0))
	k.Runs["2.run"] = seal([]byte(`{"format":2,"new":true}`))
	k.Sizes["2.run"] = 10
	assert.Empty(t, Surplus(k, 0))
	assert.Contains(t, Merge(map[string]Kept{"m1": k}).Damaged[0], "newer provision")
}

func TestSourcesKnowTheirFolder(t *testing.T) {
	for name, test := range map[string]struct {
		files  []string
		folder string
		want   []string
	}{
		"one file":     {[]string{"/inv/dc1.hcl"}, "/inv", []string{"dc1.hcl"}},
		"a folder":     {[]string{"/inv/a.hcl", "/inv/b.hcl"}, "/inv", []string{"a.hcl", "b.hcl"}},
		"two folders":  {[]string{"/inv/a.hcl", "/inv/more/b.hcl", "/inverse/c.hcl"}, "/", []string{"inv/a.hcl", "inv/more/b.hcl", "inverse/c.hcl"}},
		"at the root":  {[]string{"/a.hcl"}, "/", []string{"a.hcl"}},
		"one in other": {[]string{"/inv/x/a.hcl", "/inv/b.hcl"}, "/inv", []string{"b.hcl", "x/a.hcl"}},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string][]byte{}
			for _, f := range test.files {
				files[f] = []byte("# " + f)
			}
			s, folder := NewSources(files)
			assert.Equal(t, test.folder, folder)
			for _, name := range test.want {
				assert.Contains(t, s.Files, name)
			}
			assert.Equal(t, files, s.At(folder))
			digest, raw, err := s.Encode()
			require.NoError(t, err)
			got, err := DecodeSources(digest, raw)
			require.NoError(t, err)
			assert.Equal(t, s, got)
		})
	}
}

func TestSourcesStayInTheirFolder(t *testing.T) {
	for _, name := range []string{"../x.hcl", "/etc/x.hcl", "a/../../x.hcl", "x", "", "a//b.hcl", "x\n.hcl"} {
		s := Sources{Format: Format, Files: map[string]string{name: "x"}}
		digest, raw, err := s.Encode()
		require.NoError(t, err)
		_, err = DecodeSources(digest, raw)
		assert.ErrorIs(t, err, errDamaged, name)
	}
}
