//go:build cluster

package kubetest

import (
	"errors"
	"net/http"
	"strings"
	"sync"
)

// ErrCut is what a cut transport answers.
var ErrCut = errors.New("cut: this run was killed")

// Cut counts requests, and from a chosen write on lets nothing pass: to the
// server, as if the process had been killed there. The zero value cuts nothing.
type Cut struct {
	// Before is the number of the write that is not sent any more, from 1.
	Before int

	mutex  sync.Mutex
	reads  []string
	writes []string
	dead   bool
}

// Wrap is for kube.Options.
func (c *Cut) Wrap(base http.RoundTripper) http.RoundTripper { return &cutter{c, base} }

type cutter struct {
	cut  *Cut
	base http.RoundTripper
}

func (c *cutter) RoundTrip(request *http.Request) (*http.Response, error) {
	if !c.cut.pass(request) {
		return nil, ErrCut
	}
	return c.base.RoundTrip(request)
}

func (c *Cut) pass(request *http.Request) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	line := request.Method + " " + request.URL.Path
	if request.Method == http.MethodGet {
		c.reads = append(c.reads, line)
		return !c.dead
	}
	c.writes = append(c.writes, line)
	c.dead = c.dead || c.Before > 0 && len(c.writes) >= c.Before
	return !c.dead
}

// Dead reports whether the cut was reached.
func (c *Cut) Dead() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.dead
}

// Requests are the reads and writes so far.
func (c *Cut) Requests() (reads, writes []string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return append([]string(nil), c.reads...), append([]string(nil), c.writes...)
}

// Reset forgets the requests so far.
func (c *Cut) Reset() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.reads, c.writes = nil, nil
}

// Writes are those to paths that contain the text.
func (c *Cut) Writes(text string) int {
	_, writes := c.Requests()
	n := 0
	for _, line := range writes {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// Kill lets nothing pass from now on.
func (c *Cut) Kill() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.dead = true
}
