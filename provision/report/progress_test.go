package report_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"provision/provision/event"
	"provision/provision/report"
	"provision/provision/resource"
)

func events(started time.Time) []event.Event {
	file, node := at("m1", "file", "/a"), at(resource.ClusterHost, "node", "m1")
	list := []event.Event{
		{Type: event.HostConnecting, Host: "m1"},
		{Type: event.HostConnected, Host: "m1"},
		{Type: event.HostFailed, Host: "n1", Text: "refused\nby n1"},
		{Type: event.PhaseStarted, Text: "Applying."},
		{Type: event.StepStarted, Host: "m1", Address: &file},
		{Type: event.StepDone, Host: "m1", Address: &file, Action: "update", Took: time.Second},
		{Type: event.StepDone, Host: "m1", Address: &file, Action: "restart", Took: 2500 * time.Millisecond},
		{Type: event.StepDone, Host: "cluster", Address: &node, Action: "create", Took: time.Second},
		{Type: event.StepFailed, Host: "m1", Address: &file, Text: "exit 1:\nlast words"},
		{Type: event.Warning, Text: "watch\nout"},
		{Type: event.Note, Text: "\x1b]0;pwned\x07"},
	}
	for i := range list {
		list[i].Time = started.Add(time.Duration(i) * time.Second)
	}
	return list
}

func TestPlainProgress(t *testing.T) {
	var b strings.Builder
	started := time.Unix(1_000_000, 0)
	p := report.Plain(&b, started)
	for _, e := range events(started) {
		p.Event(e)
	}
	p.Close()
	p.Close()
	assert.Equal(t, `   2.0s  n1 failed: refused
         by n1
   3.0s  Applying.
   6.0s  m1/file["/a"] restarted (2.5s)
   7.0s  cluster/node["m1"] created (1.0s)
   8.0s  m1/file["/a"] failed: exit 1:
         last words
   9.0s  warning: watch
         out
  10.0s  `+"\ufffd]0;pwned\ufffd"+`
         steps done: cluster 1, m1 2
`, b.String())
}

func TestPlainProgressOfNothingIsSilent(t *testing.T) {
	var b strings.Builder
	report.Plain(&b, time.Unix(0, 0)).Close()
	assert.Empty(t, b.String())
}

func TestJSONLinesKeepsTextAsItIs(t *testing.T) {
	var b strings.Builder
	p := report.JSONLines(&b)
	p.Event(event.Event{Type: event.Note, Text: "\x1b[2J"})
	p.Close()
	assert.Contains(t, b.String(), `"text":"\u001b[2J"`)
	assert.True(t, strings.HasSuffix(b.String(), "}\n"))
}

func TestLiveProgressWritesTheSameLines(t *testing.T) {
	var b strings.Builder
	started := time.Unix(1_000_000, 0)
	p := report.Live(&b, started, 80)
	for _, e := range events(started) {
		p.Event(e)
	}
	p.Close()
	assert.Contains(t, b.String(), "   3.0s  Applying.\n")
	assert.NotContains(t, b.String(), "\x1b]0;")
	assert.NotContains(t, b.String(), "\x07")
}
