package report

import (
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
	"sync"
	"time"

	"provision/provision/event"
	"provision/provision/resource"
)

// Progress shows events as they happen. Close ends the live view.
type Progress interface {
	Event(event.Event)
	Close()
}

// JSONLines writes each event as a line of JSON.
func JSONLines(w io.Writer) Progress { return &jsonLines{encoder: json.NewEncoder(w)} }

type jsonLines struct {
	mu      sync.Mutex
	encoder *json.Encoder
}

func (j *jsonLines) Event(e event.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	_ = j.encoder.Encode(e) // a closed output must not stop the run
}

func (j *jsonLines) Close() {}

// Plain writes a line for each thing that matters: hosts, phases, slow or
// failed steps, and a count per host.
func Plain(w io.Writer, started time.Time) Progress {
	return &plain{w: w, started: started, done: map[string]int{}}
}

// slow is from when on a finished step gets a line of its own.
const slow = 2 * time.Second

type plain struct {
	mu      sync.Mutex
	w       io.Writer
	started time.Time
	done    map[string]int
	closed  bool
}

func (p *plain) Event(e event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.Type == event.StepDone {
		p.done[e.Host]++
	}
	if text := line(e); text != "" {
		fmt.Fprintf(p.w, "%6.1fs  %s\n", e.Time.Sub(p.started).Seconds(), text)
	}
}

func (p *plain) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.done) == 0 || p.closed {
		return
	}
	p.closed = true
	hosts := make([]string, 0, len(p.done))
	for h := range p.done {
		hosts = append(hosts, h)
	}
	sort.Strings(hosts)
	for i, h := range hosts {
		hosts[i] = fmt.Sprintf("%s %d", h, p.done[h])
	}
	fmt.Fprintf(p.w, "         steps done: %s\n", strings.Join(hosts, ", "))
}

// line is the text of an event that is worth a line, or "". Texts of events may
// be what a host wrote.
func line(e event.Event) string { return Clean(rawLine(e)) }

func rawLine(e event.Event) string {
	switch e.Type {
	case event.HostFailed:
		return fmt.Sprintf("%s failed: %s", e.Host, indent(e.Text, "         "))
	case event.StepFailed:
		return fmt.Sprintf("%s failed: %s", e.Address, indent(e.Text, "         "))
	case event.PhaseStarted, event.Note:
		return e.Text
	case event.Warning:
		return "warning: " + indent(e.Text, "         ")
	case event.StepDone:
		if e.Address.Host == resource.ClusterHost || e.Took >= slow {
			return fmt.Sprintf("%s %s (%.1fs)", e.Address, past(e.Action), e.Took.Seconds())
		}
	}
	return ""
}

func past(action string) string {
	switch action {
	case "create":
		return "created"
	case "update":
		return "changed"
	case "remove":
		return "removed"
	case "wait":
		return "passed"
	case "restart":
		return "restarted"
	case "reload":
		return "reloaded"
	case "reboot":
		return "rebooted"
	}
	return "done"
}
