package calendar_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/etcd/backup/calendar"
)

func TestPrevious(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 34, 56, 789, time.UTC) // a Sunday
	for text, want := range map[string]string{
		"*-*-* 00/6:00:00":             "2026-11-29T12:00:00Z",
		"hourly":                       "2026-11-29T12:00:00Z",
		"daily":                        "2026-11-29T00:00:00Z",
		"weekly":                       "2026-11-23T00:00:00Z",
		"monthly":                      "2026-11-01T00:00:00Z",
		"12:35":                        "2026-11-28T12:35:00Z",
		"12:34:57":                     "2026-11-28T12:34:57Z",
		"12:34:56":                     "2026-11-29T12:34:56Z",
		"*:0/10":                       "2026-11-29T12:30:00Z",
		"*-*-* *:40,50:30":             "2026-11-29T11:50:30Z",
		"Mon..Fri 18:00":               "2026-11-27T18:00:00Z",
		"fri..mon 18:00":               "2026-11-28T18:00:00Z",
		"Saturday,wed *-*-* 01..03:15": "2026-11-28T03:15:00Z",
		"*-02-29 00:00":                "2024-02-29T00:00:00Z",
		"*-*-* 13:00:00 UTC":           "2026-11-28T13:00:00Z",
	} {
		s, err := calendar.Parse(text)
		if assert.NoError(t, err, text) {
			assert.Equal(t, want, s.Previous(now).Format(time.RFC3339Nano), text)
			assert.Equal(t, s.Previous(now), s.Previous(s.Previous(now)), text)
		}
	}
}

func TestWhatIsNoCalendar(t *testing.T) {
	for _, text := range []string{"", "soon", "25:00", "*-*-*", "*-13-* 00:00", "00:60", "00/0:00", "5..3:00", "Mom 00:00", "Mondays 00:00", "*-02-30 00:00", "00:00 CET", "1:2:3:4", "-1:00", "2026-*-* 12:00", "12:00\nExecStart=x", "*-*~01 00:00"} {
		_, err := calendar.Parse(text)
		assert.Error(t, err, text)
	}
}

// systemd reads them as we do.
func TestAgainstSystemd(t *testing.T) {
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze")
	}
	for _, text := range []string{"*-*-* 00/6:00:00", "hourly", "daily", "weekly", "monthly", "12:35", "*:0/10", "Mon..Fri 18:00", "*-*-* *:40,50:30", "*-02-29 00:00", "Saturday,wed *-*-* 01..03:15"} {
		out, err := exec.CommandContext(t.Context(), program, "calendar", "--base-time=2026-11-29 12:34:56 UTC", text+" UTC").CombinedOutput()
		require.NoError(t, err, string(out))
		_, next, found := strings.Cut(string(out), "(in UTC): ")
		if !found {
			_, next, found = strings.Cut(string(out), "Next elapse: ")
		}
		require.True(t, found, string(out))
		fields := strings.Fields(next)
		at, err := time.Parse(time.DateTime, fields[1]+" "+fields[2])
		require.NoError(t, err)
		s, err := calendar.Parse(text)
		require.NoError(t, err)
		assert.Equal(t, at, s.Previous(at), text)
		assert.True(t, s.Previous(at.Add(-time.Second)).Before(time.Date(2026, 11, 29, 12, 34, 57, 0, time.UTC)), text)
	}
}
