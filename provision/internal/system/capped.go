package system

import "fmt"

// capped keeps the first and the last half of limit bytes of what is written.
type capped struct {
	half    int
	head    []byte
	tail    []byte
	dropped int
}

func newCapped(limit int) *capped { return &capped{half: limit / 2} }

// Write implements io.Writer; it never fails.
func (c *capped) Write(p []byte) (int, error) {
	n := len(p)
	if room := c.half - len(c.head); room > 0 {
		take := min(room, len(p))
		c.head = append(c.head, p[:take]...)
		p = p[take:]
	}
	c.tail = append(c.tail, p...)
	if over := len(c.tail) - c.half; over > 0 {
		c.dropped += over
		c.tail = append(c.tail[:0], c.tail[over:]...)
	}
	return n, nil
}

// Bytes is what was kept, with a note where it was cut.
func (c *capped) Bytes() []byte {
	out := append([]byte(nil), c.head...)
	if c.dropped > 0 {
		out = fmt.Appendf(out, "\n[%d bytes left out]\n", c.dropped)
	}
	return append(out, c.tail...)
}
