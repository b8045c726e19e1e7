package interview

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/test/corrupt"
	"provision/test/faults"
)

// Damaged answers are refused, or make an inventory that is checked like any
// other.
func TestDamagedAnswers(t *testing.T) {
	addresses := corrupt.Feed(t, 1, func(in []byte) bool {
		checkAddresses(t, string(in))
		return true
	}, []byte("10.0.0.11-13, 10.0.1.[11-50], node1.example 10.0.2.0/28; fd00::1-fd00::9"))
	files := corrupt.Feed(t, 2, func(in []byte) bool {
		a, err := ReadAnswers(bytes.NewReader(in))
		if err != nil {
			return false
		}
		d, err := Conduct(t.Context(), Options{Console: &script{}, Answers: a, Resolve: lookUp})
		if err != nil {
			return false
		}
		assert.NoError(t, d.Check(t.Context()))
		assert.NotContains(t, string(Render(d)), "\x1b")
		return true
	}, []byte(`{"name": "dc1", "environment": "prod", "masters": ["10.0.0.11-13"], "nodes": ["10.0.1.21", "10.0.1.22"], "host_names": {"10.0.0.11": "m1"}, "user": "ops", "port": 22, "bastion": "ops@b.example:22", "identity_file": "~/.ssh/x", "sudo": true, "pods": "10.32.0.0/12"}`))
	faults.Record(t, "corrupt-answers", "provision init refuses its answers, or makes an inventory that validate accepts", "addresses and files of answers, damaged",
		"%d lines of addresses; %d files: %d refused, %d made a valid inventory", addresses.Inputs, files.Inputs, files.Rejected, files.Accepted)
}
