//go:build killpoints

package killpoint

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Where rules come from. These texts are in no shipped program: a test of
// test/rules looks for them.
const (
	agentFolder    = "/run/provision-killpoint"
	operatorFolder = "PROVISION_KILLPOINT"
)

// Agent is what an agent calls at each point; nil: nothing.
func Agent() func(point string) { return open(agentFolder) }

// Operator is what an operator calls at each point; nil: nothing.
func Operator() func(point string) { return open(os.Getenv(operatorFolder)) }

// open reads the rules of a folder. Rules that cannot be read end the program:
// a test must not go on as if it had none.
func open(folder string) func(string) {
	if folder == "" {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(folder, "rules"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var list []*rule
	if err == nil {
		list, err = parse(string(text))
	}
	if err != nil {
		panic(fmt.Sprintf("killpoint: %v", err))
	}
	r := &rules{folder: folder, list: list, end: func() { _ = unix.Kill(os.Getpid(), unix.SIGKILL); select {} }}
	return r.passed
}

// rule is one line.
type rule struct {
	action string
	nth    int
	point  *regexp.Regexp
}

func parse(text string) ([]*rule, error) {
	var list []*rule
	for line := range strings.Lines(text) {
		fields := strings.SplitN(strings.TrimSpace(line), " ", 3)
		if len(fields) != 3 {
			return nil, fmt.Errorf("not a rule: %q", line)
		}
		nth, err := strconv.Atoi(fields[1])
		if err != nil {
			return nil, fmt.Errorf("reading rule %q: %w", line, err)
		}
		point, err := regexp.Compile("^(?:" + fields[2] + ")$")
		if err != nil {
			return nil, fmt.Errorf("reading rule %q: %w", line, err)
		}
		switch fields[0] {
		case "kill", "strand", "meet", "block":
		default:
			return nil, fmt.Errorf("reading rule %q: unknown action", line)
		}
		list = append(list, &rule{fields[0], nth, point})
	}
	return list, nil
}

// rules are those of one process.
type rules struct {
	folder string
	end    func() // of this process
	mu     sync.Mutex
	list   []*rule
}

// passed counts the passage and does what is due.
func (r *rules) passed(point string) {
	for _, due := range r.count(point) {
		if due.action == "block" {
			select {}
		}
		if !r.claim(point) {
			continue
		}
		switch due.action {
		case "kill":
			r.end()
		case "strand":
			stop(due.point.FindStringSubmatch(point))
			r.end()
		case "meet":
			r.meet()
		}
	}
}

func (r *rules) count(point string) []*rule {
	r.mu.Lock()
	defer r.mu.Unlock()
	var due []*rule
	for _, one := range r.list {
		if !one.point.MatchString(point) {
			continue
		}
		if one.nth--; one.nth == 0 || one.nth < 0 && one.action == "block" {
			due = append(due, one)
		}
	}
	return due
}

// claim writes down that the point was reached, unless another process, or
// another goroutine of this one, was first.
func (r *rules) claim(point string) bool {
	name := filepath.Join(r.folder, "rules")
	if os.Rename(name, name+".done") != nil {
		return false
	}
	log, err := os.OpenFile(filepath.Join(r.folder, "reached"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(log, point)
	}
	if err = errors.Join(err, log.Sync(), log.Close()); err != nil {
		panic(fmt.Sprintf("killpoint: %v", err))
	}
	return true
}

// meet opens the pipe "at", which the test reads until its end, and waits for
// the end of the pipe "go", which the test writes.
func (r *rules) meet() {
	if at, err := os.OpenFile(filepath.Join(r.folder, "at"), os.O_WRONLY, 0); err == nil {
		_ = at.Close()
	}
	if release, err := os.Open(filepath.Join(r.folder, "go")); err == nil {
		_, _ = io.Copy(io.Discard, release)
		_ = release.Close()
	}
}

// stop freezes the command whose process id is the point's first group, once it
// has read half of the file that is the second.
func stop(groups []string) {
	pid, err := strconv.Atoi(groups[1])
	if err != nil {
		panic(fmt.Sprintf("killpoint: no process id in %q", groups))
	}
	file, err := os.Stat(groups[2])
	if err != nil {
		panic(fmt.Sprintf("killpoint: %v", err))
	}
	for read := int64(0); read < file.Size()/2; <-time.After(time.Millisecond) { // no event tells
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
		if err != nil {
			panic(fmt.Sprintf("killpoint: the command was too fast: %v", err))
		}
		if _, err := fmt.Sscanf(string(text), "rchar: %d", &read); err != nil {
			panic(fmt.Sprintf("killpoint: %v", err))
		}
	}
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		panic(fmt.Sprintf("killpoint: %v", err))
	}
}
