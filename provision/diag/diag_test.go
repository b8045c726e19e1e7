package diag_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/diag"
)

const source = "cluster \"c\" {\n  pods = \"10.0.0.0/8\"\n}\n"

func at(file string, line, from, to, offset int) hcl.Range {
	return hcl.Range{Filename: file, Start: hcl.Pos{Line: line, Column: from, Byte: offset}, End: hcl.Pos{Line: line, Column: to, Byte: offset + to - from}}
}

func written(t *testing.T, list diag.List, style diag.Style) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, diag.Write(&b, list.WithSource(map[string][]byte{"a.hcl": []byte(source)}), style))
	return b.String()
}

func TestWriteShowsBothPlacesWithTheirLines(t *testing.T) {
	d := diag.Errorf(at("a.hcl", 2, 10, 22, 23), "Networks overlap", "pods %s is taken; choose another.", "10.0.0.0/8").
		And("it is taken", at("a.hcl", 1, 9, 12, 8))
	assert.Equal(t, `╷
│ Error: Networks overlap
│
│   on a.hcl line 2:
│      2:   pods = "10.0.0.0/8"
│                  ^^^^^^^^^^^^
│   it is taken on a.hcl line 1:
│      1: cluster "c" {
│                 ^^^
│
│ pods 10.0.0.0/8 is taken; choose another.
╵
`, written(t, diag.List{d}, diag.Style{}))
}

func TestWriteWithoutPlaceOrSource(t *testing.T) {
	list := diag.List{
		diag.Warningf(hcl.Range{}, "Careful", ""),
		diag.Errorf(at("secret.age", 3, 1, 2, 0), "Wrong", "No line of it is shown."),
	}
	assert.Equal(t, "╷\n│ Warning: Careful\n│\n╵\n╷\n│ Error: Wrong\n│\n│   on secret.age line 3\n│\n│ No line of it is shown.\n╵\n", written(t, list, diag.Style{}))
}

func TestHiddenLinesAreNotShown(t *testing.T) {
	d := diag.Errorf(at("a.hcl", 2, 10, 22, 23), "Wrong", "").Hide()
	assert.NotContains(t, written(t, diag.List{d}, diag.Style{}), "10.0.0.0")
}

func TestColorAndWidth(t *testing.T) {
	d := diag.Errorf(hcl.Range{}, "S", "one two three four five six seven eight\n  kept as it is, however long it may be")
	assert.Contains(t, written(t, diag.List{d}, diag.Style{Color: true}), "\x1b[1;31mError: \x1b[0m")
	assert.Contains(t, written(t, diag.List{d}, diag.Style{Width: 30}), "│ one two three four five six\n│ seven eight\n│   kept as it is, however long it may be\n")
}

func TestTerminalCodesOfTheInputAreNotPassedOn(t *testing.T) {
	src := []byte("a = \"\x1b]0;x\x07\"\n")
	list := diag.List{diag.Errorf(at("x\x1b[2J.hcl", 1, 1, 2, 0), "Bad \x1b[31m", "Bad \x9b31m \x7f")}
	var b bytes.Buffer
	require.NoError(t, diag.Write(&b, list.WithSource(map[string][]byte{"x\x1b[2J.hcl": src}), diag.Style{}))
	assert.NotContains(t, b.String(), "\x1b")
	assert.NotContains(t, b.String(), "\x07")
}

func TestSortedByPlaceWithoutRepeats(t *testing.T) {
	b1 := diag.Errorf(at("b.hcl", 1, 1, 2, 0), "b1", "")
	a9 := diag.Errorf(at("a.hcl", 9, 1, 2, 0), "a9", "")
	a2 := diag.Warningf(at("a.hcl", 2, 1, 2, 0), "a2", "")
	none := diag.Errorf(hcl.Range{}, "none", "")
	assert.Equal(t, diag.List{none, a2, a9, b1}, diag.List{b1, a9, a2, a9, none}.Sorted())
}

func TestJSON(t *testing.T) {
	list := diag.List{diag.Errorf(at("a.hcl", 2, 10, 22, 23), "S", "D"), diag.Warningf(hcl.Range{}, "W", "")}
	got, err := json.Marshal(diag.NewReport(list.WithSource(map[string][]byte{"a.hcl": []byte(source)})))
	require.NoError(t, err)
	assert.JSONEq(t, `{"valid": false, "error_count": 1, "warning_count": 1, "diagnostics": [
		{"severity": "error", "summary": "S", "detail": "D", "ranges": [{"filename": "a.hcl",
		  "start": {"line": 2, "column": 10, "byte": 23}, "end": {"line": 2, "column": 22, "byte": 35},
		  "snippet": "  pods = \"10.0.0.0/8\""}]},
		{"severity": "warning", "summary": "W"}]}`, string(got))

	empty, err := json.Marshal(diag.NewReport(nil))
	require.NoError(t, err)
	assert.JSONEq(t, `{"valid": true, "error_count": 0, "warning_count": 0, "diagnostics": []}`, string(empty))
}

func TestFromHCLAndErr(t *testing.T) {
	_, diags := hclsyntax.ParseConfig([]byte("a = \n"), "a.hcl", hcl.InitialPos)
	list := diag.FromHCL(diags)
	require.True(t, list.HasErrors())
	assert.ErrorContains(t, list.Err(), "a.hcl:1,")
	assert.NoError(t, diag.List{diag.Warningf(hcl.Range{}, "W", "")}.Err())
}
