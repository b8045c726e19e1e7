package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"provision/provision/agent/api"
)

// logLines is how much of a log a finding shows.
const logLines = 6

// units judges the services that a host's roles require.
func (d *diagnosis) units(h Host) {
	states := map[string]api.Unit{}
	for _, u := range h.Health.Units {
		states[u.Name] = u
	}
	for i, want := range h.Wants {
		u, looked := states[want.Unit]
		if !looked {
			continue
		}
		f := Finding{Level: Problem, Host: h.Name, Unit: u.Name, order: unitOrder + i, Fix: apply(h.Name)}
		d.changes(&f, h)
		switch {
		case u.Error != "":
			f.What, f.Summary, f.Cause = "failed", "cannot be looked at", u.Error
			d.add(f)
		case !u.Running() || u.Masked() || u.Load == "not-found":
			d.down(f, h, u)
		default:
			d.up(f, h, u)
		}
		d.dropIns(f, u)
	}
}

// changes are the unit's inputs that are not as wanted.
func (d *diagnosis) changes(f *Finding, h Host) {
	for _, drift := range h.Drift {
		if slices.Contains(drift.Units, f.Unit) {
			f.Changed = append(f.Changed, drift.Address+": "+drift.Text)
		}
	}
}

// down is a unit that does not run.
func (d *diagnosis) down(f Finding, h Host, u api.Unit) {
	why, found := read(u.Log)
	f.Log = telling(u.Log, why)
	switch {
	case u.Masked():
		f.What, f.Summary, f.Cause, f.strong = "masked", "is masked, so it cannot start", "somebody masked it", true
	case u.Load == "not-found":
		f.What, f.Summary, f.strong = "missing", "is not installed", true
		if len(f.Changed) > 0 {
			f.Cause = "its unit file or package is gone"
		}
	case u.Load != "" && u.Load != "loaded":
		f.What, f.Summary, f.Cause, f.strong = "failed", "has a unit file that systemd refuses ("+u.Load+")", "the unit file is damaged", true
	case u.Sub == "auto-restart" || u.Active == "activating" && u.Restarts > 0:
		f.What, f.Summary = "restarting", fmt.Sprintf("fails again and again (%d restarts): %s", u.Restarts, ending(u))
		d.because(&f, h, u, why, found)
	case u.Active == "activating":
		f.What, f.Summary = "starting", "is starting and not ready yet"
		d.because(&f, h, u, why, found)
	case u.Active == "failed":
		f.What, f.Summary = "failed", "failed: "+ending(u)
		d.because(&f, h, u, why, found)
	default:
		f.What, f.Summary, f.strong = "stopped", "does not run", true
		f.Cause = "it was stopped"
		if slices.Contains(h.Unmade, u.Name) {
			f.Cause, f.strong = "it was never started: the last apply did not get that far", false
			break // what stopped that apply is a finding of its own
		}
		if u.Enabled == "disabled" {
			f.Cause = "it was stopped and disabled"
		}
		if u.Result != "" && u.Result != "success" {
			f.strong = false
			d.because(&f, h, u, why, found)
		}
	}
	d.add(f)
}

// because fills in the likely cause, from the strongest evidence to the weakest.
func (d *diagnosis) because(f *Finding, h Host, u api.Unit, why cause, found bool) {
	switch {
	case u.Result == "oom-kill":
		f.Cause, f.strong = "the kernel ended it because memory ran out", true
	case found && why.local:
		f.Cause, f.strong, f.First = why.text, true, why.first
		d.port(f, h, why)
	case len(f.Changed) > 0:
		f.Cause, f.strong = "what it works with was changed on the host", true
	case len(u.DropIns) > 0:
		f.Cause, f.strong = "a drop-in that provision did not write changes how it is started", true
	case found:
		f.Cause = why.text
	case u.Killed:
		f.Cause, f.strong = fmt.Sprintf("it was ended by signal %d", u.ExitCode), true
	case u.Result == "timeout":
		f.Cause = "it did not become ready in time"
	}
	if len(f.Changed) > 0 && found && why.local {
		f.Cause += "; " + "what it works with was changed on the host"
	}
}

// port names who has the port that the unit needs.
func (d *diagnosis) port(f *Finding, h Host, why cause) {
	for _, l := range h.Health.Listeners {
		if why.port == 0 || l.Port != why.port || l.Unit == f.Unit {
			continue
		}
		f.Taken = &l
		who := fmt.Sprintf("process %d (%s)", l.PID, l.Command)
		f.First = fmt.Sprintf("end process %d (%s), which listens on port %d", l.PID, l.Command, l.Port)
		if strings.HasSuffix(l.Unit, ".service") {
			who += " of " + l.Unit
			f.First = fmt.Sprintf("systemctl disable --now %s, which listens on port %d", l.Unit, l.Port)
		}
		f.Cause = fmt.Sprintf("port %d is taken by %s", why.port, who)
		return
	}
}

// up is a unit that runs, but may not do so for long.
func (d *diagnosis) up(f Finding, h Host, u api.Unit) {
	if !u.Well() {
		g := f
		g.What, g.Summary, g.Cause, g.strong = "not-enabled", "runs, but would not start after a reboot ("+u.Enabled+")", "somebody disabled it", true
		d.add(g)
	}
	if u.Restarts >= restartsTold && h.Health.Clock.Sub(u.Since) < restartsLately {
		g := f
		g.Level, g.What, g.Log = Note, "restarted", telling(u.Log, cause{})
		g.Summary = fmt.Sprintf("runs, and was restarted by systemd %d times", u.Restarts)
		if why, found := read(u.Log); found {
			g.Cause = why.text
		}
		g.Fix = nil
		d.add(g)
	}
	hangs := d.silent(f, h)
	for _, p := range h.Probes {
		if p.Unit != f.Unit || p.Error == "" || hangs {
			continue
		}
		g := f
		g.What, g.Summary, g.Log = "not-ready", "runs, but is not ready: "+unready(p.Error), telling(u.Log, cause{})
		if why, found := read(append(u.Log, p.Error)); found {
			g.Cause, g.strong = why.text, why.local
		}
		d.add(g)
	}
	for _, drift := range h.Drift {
		if !drift.Missing && !drift.Unreadable || !slices.Contains(drift.Units, f.Unit) {
			continue
		}
		g := f
		g.What, g.strong = "lost", true
		g.Summary = "runs, but could not start again: " + drift.Address + " is gone"
		g.Cause = "somebody removed it"
		if !drift.Missing {
			g.Summary = "runs, but could not start again: " + drift.Address + " cannot be read"
			g.Cause = "somebody changed its mode: " + drift.Text
		}
		d.add(g)
		return
	}
}

// silent is a unit that hangs: systemd sees its process, nobody its answers.
// An apply leaves it as it is.
func (d *diagnosis) silent(f Finding, h Host) bool {
	if !slices.Contains(h.Silent, f.Unit) || d.relayed(f.Unit, h) {
		return false
	}
	name := strings.TrimSuffix(f.Unit, ".service")
	f.What, f.Summary, f.strong = "silent", "runs but does not answer", true
	f.Cause = name + " does not answer although it runs: its process hangs, or was halted by a signal"
	f.First, f.Fix = "systemctl restart "+f.Unit, nil
	d.add(f)
	return true
}

// relayed reports whether a unit says nothing because the API does not.
func (d *diagnosis) relayed(unit string, h Host) bool {
	return slices.Contains(h.Relays, unit) && (d.in.APIError != "" || h.Cut)
}

// restartsTold is from how many restarts on a running unit is worth a note: a
// few belong to a first start, while others are not there yet.
const restartsTold = 5

// restartsLately is for how long a unit must have run until they are history.
const restartsLately = 2 * time.Minute

// dropIns are changes of a unit that are not ours.
func (d *diagnosis) dropIns(f Finding, u api.Unit) {
	if len(u.DropIns) == 0 {
		return
	}
	for i := range d.found {
		if other := &d.found[i]; other.Host == f.Host && other.Unit == f.Unit && other.Level == Problem {
			if other.First == "" {
				other.First = removal(u.DropIns)
			}
			return
		}
	}
	f.Level, f.What, f.Changed, f.Fix = Note, "drop-in", nil, nil
	f.Summary = "is changed by " + strings.Join(u.DropIns, ", ") + ", which provision did not write"
	d.add(f)
}

func removal(paths []string) string {
	return "remove " + strings.Join(paths, " and ") + ", or correct it, then systemctl daemon-reload"
}

// ending is how a unit ended.
func ending(u api.Unit) string {
	switch {
	case u.Result == "oom-kill":
		return "out of memory"
	case u.Killed:
		return fmt.Sprintf("ended by signal %d", u.ExitCode)
	case u.Result == "timeout":
		return "not ready in time"
	case u.Result == "exit-code" || u.ExitCode != 0:
		return fmt.Sprintf("exit code %d", u.ExitCode)
	case u.Result != "" && u.Result != "success":
		return u.Result
	}
	return "it ends"
}

// telling are the last lines of a log, led by the one that tells the cause and
// without those in which systemd counts.
func telling(log []string, why cause) []string {
	var lines []string
	for _, line := range log {
		if !slices.ContainsFunc(systemdSays(), func(text string) bool { return strings.Contains(line, text) }) {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		lines = log
	}
	lines = lines[max(0, len(lines)-logLines):]
	if why.line != "" && !slices.Contains(lines, why.line) {
		lines = append([]string{why.line}, lines...)
	}
	return lines
}

func systemdSays() []string {
	return []string{": Scheduled restart job, ", ": Deactivated successfully", "]: Started ", "]: Starting ", "]: Stopped ", "]: Stopping ", "]: Failed to start ", ": Consumed ", ": Failed with result "}
}

// unready is the part of a server's answer that says what is not ready.
func unready(answer string) string {
	var bad []string
	for line := range strings.Lines(answer) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "[-]"); ok {
			name, _, _ := strings.Cut(text, " ")
			bad = append(bad, name)
		}
	}
	if len(bad) > 0 {
		return strings.Join(bad, ", ")
	}
	return firstLine(answer)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
