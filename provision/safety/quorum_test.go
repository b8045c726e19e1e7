package safety

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestQuorumOfMembersThatStay(t *testing.T) {
	up := func(names ...string) (list []voter) {
		for _, name := range names {
			list = append(list, voter{name, true})
		}
		return list
	}
	down := func(name string) voter { return voter{name: name} }
	for name, tc := range map[string]struct {
		voters  []voter
		leaving []string
		wrong   string
	}{
		"nobody leaves":                    {up("a", "b", "c"), nil, ""},
		"one of three":                     {up("a", "b", "c"), []string{"a"}, ""},
		"two of three":                     {up("a", "b", "c"), []string{"a", "b"}, ""},
		"all":                              {up("a", "b"), []string{"a", "b"}, "last one"},
		"the only one":                     {up("a"), []string{"a"}, "last one"},
		"the dead one of three":            {append(up("a", "b"), down("c")), []string{"c"}, ""},
		"a live one while another is dead": {append(up("a", "b"), down("c")), []string{"a"}, "(c does not)"},
		"dead and live: the dead first":    {append(up("a", "b"), down("c")), []string{"a", "c"}, ""},
		"two live of five, one dead":       {append(up("a", "b", "c", "d"), down("e")), []string{"a", "b"}, ""},
		"three live of five, one dead":     {append(up("a", "b", "c", "d"), down("e")), []string{"a", "b", "c"}, "(e does not)"},
		"one live of five, one dead":       {append(up("a", "b", "c", "d"), down("e")), []string{"a"}, ""},
		"not a member":                     {up("a", "b", "c"), []string{"x"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := quorum(tc.voters, tc.leaving)
			if tc.wrong == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, tc.wrong)
		})
	}
}
