package toys_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/diag"
	"provision/provision/plan"
)

type problem = diag.Diagnostic

const twoBoards = `
variable "code" {
  default   = "sesame"
  sensitive = true
}
addon "board" "news" {
  notice = "open"
  code   = var.code
}
addon "board" "rules" {
  notice = "no running"
  rack   = "of-n1"
}
`

func TestTwoBoardsFromTheirPlanToTheirRemoval(t *testing.T) {
	inv := load(t, site{rest: twoBoards})
	f := boot(t, inv)
	apply(t, f, inv)
	assert.Equal(t, []string{"boards/board-news", "boards/board-rules", "kube-system/coredns"}, f.API.Releases())
	settled(t, f, inv)

	changed := load(t, site{rest: strings.NewReplacer("open", "closed", "sesame", "simsim").Replace(twoBoards)})
	p := look(t, f, changed)
	require.Equal(t, 1, len(p.Steps)-p.Count()[plan.Wait], "%+v", p.Steps)
	step := at(p, `cluster/release["board-news"]`)
	require.NotNil(t, step)
	text := ""
	for _, c := range step.Changes {
		text += c.Field + ": " + c.Old + " -> " + c.New + "\n"
	}
	assert.Contains(t, text, "notice: open -> closed")
	assert.Contains(t, text, "code: ")
	assert.NotContains(t, text, "sesame")
	assert.NotContains(t, text, "simsim", "a secret shows as a keyed digest")
	apply(t, f, changed)
	settled(t, f, changed)

	one := load(t, site{rest: twoBoards[:strings.Index(twoBoards, `addon "board" "rules"`)]})
	p = apply(t, f, one)
	assert.Equal(t, plan.Remove, at(p, `cluster/release["board-rules"]`).Action)
	assert.Equal(t, []string{"boards/board-news", "kube-system/coredns"}, f.API.Releases())
	settled(t, f, one)

	none := load(t, site{})
	apply(t, f, none)
	assert.Equal(t, []string{"kube-system/coredns"}, f.API.Releases())
	settled(t, f, none)
}

// The image lies where the pods may run.
func TestABoardsImageLiesWhereItsPodsMayRun(t *testing.T) {
	inv := load(t, site{rest: twoBoards[strings.Index(twoBoards, `addon "board" "rules"`):]})
	f := boot(t, inv)
	p := look(t, f, inv)
	held := map[string]bool{}
	for _, s := range p.Steps {
		if s.Address.Kind == "image" && strings.Contains(s.Address.Name, "board") {
			held[s.Address.Host] = true
		}
	}
	assert.Equal(t, map[string]bool{"n1": true}, held)
}

func TestValidateJudgesABoard(t *testing.T) {
	for text, says := range map[string]string{
		`addon "board" "a" {}`:                                       "needs notice",
		`addon "board" "a" { notise = "x" }`:                         `did you mean "notice"?`,
		twoBoards + `addon "board" "news" { notice = "x" }`:          "is given twice",
		`addon "bord" "a" { notice = "x" }`:                          `did you mean "board"?`,
		"addon \"board\" \"a\" {\n notice = \"x\"\n code = \"1\"\n}": "sensitive",
	} {
		_, problems := parse(t, site{rest: text}.text())
		require.True(t, problems.HasErrors(), text)
		var all strings.Builder
		for _, p := range problems {
			all.WriteString(p.Detail + "\n")
		}
		assert.Contains(t, all.String(), says)
	}
}
