package sshtest

import (
	"io"
	"net"
)

// Fault is how a server misbehaves.
type Fault int

// The faults. All but Refuse and NoChannel concern connections to come.
const (
	None      Fault = iota
	Refuse          // connection refused
	Drop            // hangs up before a word, as sshd with MaxStartups
	Silent          // accepts and says nothing
	Garbage         // speaks something else
	NoChannel       // lets in, and opens no channel
)

// Fail makes the server misbehave from now on.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faulty = f
}

// Stall freezes the in-memory connections that are open, as a power cut does:
// nothing arrives any more, and nothing is closed.
func (s *Server) Stall() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, memory := range s.conns {
		if memory != nil {
			memory.stallBoth()
		}
	}
}

func (s *Server) fault() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faulty
}

// misbehave returns true when the connection is to be served.
func (s *Server) misbehave(raw net.Conn) bool {
	switch s.fault() {
	case Drop, Refuse:
		return false
	case Silent:
		_, _ = io.Copy(io.Discard, raw)
		return false
	case Garbage:
		_, _ = io.WriteString(raw, "HTTP/1.1 400 Bad Request\r\n\r\nnot SSH\r\n")
		_, _ = io.Copy(io.Discard, raw)
		return false
	}
	return true
}
