package faults

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const empty = "# Faults\n\n" + begin + "\n" + end + "\n\nEnd.\n"

func TestRowsReplaceThoseOfTheSameID(t *testing.T) {
	first := Row{ID: "kill-a", Promise: "converges", Provoked: "kill -9", Figure: "3 s", Test: "TestA", Date: "2026-11-22"}
	second := Row{ID: "disk-b", Promise: "refuses", Provoked: "a | full disk", Figure: "1", Test: "TestB", Date: "2026-11-22"}
	page, err := Merge(empty, []Row{first, second})
	require.NoError(t, err)
	first.Figure = "2 s"
	page, err = Merge(page, []Row{first})
	require.NoError(t, err)
	rows, err := Parse(page)
	require.NoError(t, err)
	second.Provoked = "a / full disk"
	assert.Equal(t, map[string]Row{"kill-a": first, "disk-b": second}, rows)
	assert.Contains(t, page, "# Faults\n")
	assert.Contains(t, page, "\nEnd.\n")
}

func TestPageWithoutMarksIsAnError(t *testing.T) {
	_, err := Merge("# Faults\n", nil)
	assert.ErrorContains(t, err, "marks")
	_, err = Parse(begin + "\n| one | two |\n" + end)
	assert.ErrorContains(t, err, "2 cells")
}

func TestRecordWritesWhatRecordedReads(t *testing.T) {
	t.Setenv("PROVISION_FAULTS", t.TempDir())
	t.Run("passes", func(t *testing.T) { Record(t, "x-y", "p", "q", "%d s", 4) })
	rows, err := Recorded(Folder())
	require.NoError(t, err)
	require.Len(t, rows, 1)
	assert.Equal(t, "4 s", rows[0].Figure)
	assert.Equal(t, "TestRecordWritesWhatRecordedReads/passes", rows[0].Test)
}
