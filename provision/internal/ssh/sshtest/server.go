package sshtest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"

	gossh "golang.org/x/crypto/ssh"
)

// Exec is one command that a client runs.
type Exec struct {
	User    string
	Command string   // the line as sent
	Argv    []string // the line split; nil when it is no plain list of words
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
}

// Handler runs a command and returns its exit code. The context ends with the
// channel.
type Handler func(ctx context.Context, e Exec) int

// User is who may log in, and with what.
type User struct {
	Keys      []gossh.PublicKey
	Authority gossh.PublicKey // signs certificates for this user
	Password  string
	Questions []Question // keyboard-interactive
}

// Question is asked by keyboard-interactive.
type Question struct {
	Text, Answer string
	Echo         bool
}

// Server is a scripted SSH server. Set its fields before it serves.
type Server struct {
	HostKeys    []gossh.Signer
	Users       map[string]User
	Exec        Handler
	Forwarding  bool // direct-tcpip, to Dial or the network
	Dial        func(ctx context.Context, network, address string) (net.Conn, error)
	MaxSessions int // 0 means 10, as sshd

	network  *Network
	mu       sync.Mutex
	conns    map[io.Closer]*conn
	faulty   Fault
	logins   atomic.Int64
	failures atomic.Int64
	execs    atomic.Int64
	open     atomic.Int64
	most     atomic.Int64
}

// NewSigner makes an ed25519 key.
func NewSigner() gossh.Signer {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	signer, err := gossh.NewSignerFromKey(key)
	if err != nil {
		panic(err) // ed25519 keys always convert
	}
	return signer
}

// Logins counts connections that logged in.
func (s *Server) Logins() int { return int(s.logins.Load()) }

// Failures counts refused credentials.
func (s *Server) Failures() int { return int(s.failures.Load()) }

// Execs counts exec channels.
func (s *Server) Execs() int { return int(s.execs.Load()) }

// MostSessions is how many sessions were open at once.
func (s *Server) MostSessions() int { return int(s.most.Load()) }

// Hangup closes every connection.
func (s *Server) Hangup() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
	}
}

// Serve speaks SSH on a connection until it ends.
func (s *Server) Serve(raw net.Conn) {
	defer raw.Close()
	s.track(raw, true)
	defer s.track(raw, false)
	if !s.misbehave(raw) {
		return
	}
	conn, chans, reqs, err := gossh.NewServerConn(raw, s.config())
	if err != nil {
		return
	}
	s.logins.Add(1)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { s.global(reqs) })
	var sessions atomic.Int64
	for ch := range chans {
		if s.fault() == NoChannel {
			continue
		}
		s.channel(ctx, &wg, conn.User(), ch, &sessions)
	}
	cancel()
	wg.Wait()
}

func (s *Server) track(raw net.Conn, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		s.conns = map[io.Closer]*conn{}
	}
	if !on {
		delete(s.conns, raw)
		return
	}
	memory, _ := raw.(*conn)
	s.conns[raw] = memory
}

// global answers keepalives.
func (s *Server) global(reqs <-chan *gossh.Request) {
	for req := range reqs {
		if req.WantReply {
			_ = req.Reply(false, nil)
		}
	}
}

var errRefused = errors.New("refused")

func (s *Server) config() *gossh.ServerConfig {
	config := &gossh.ServerConfig{MaxAuthTries: 6}
	for _, key := range s.HostKeys {
		config.AddHostKey(key)
	}
	config.AuthLogCallback = func(_ gossh.ConnMetadata, method string, err error) {
		if err != nil && method != "none" {
			s.failures.Add(1)
		}
	}
	checker := &gossh.CertChecker{
		IsUserAuthority: func(gossh.PublicKey) bool { return true }, // compared below
		UserKeyFallback: func(meta gossh.ConnMetadata, key gossh.PublicKey) (*gossh.Permissions, error) {
			for _, known := range s.Users[meta.User()].Keys {
				if bytes.Equal(known.Marshal(), key.Marshal()) {
					return nil, nil
				}
			}
			return nil, errRefused
		},
	}
	config.PublicKeyCallback = func(meta gossh.ConnMetadata, key gossh.PublicKey) (*gossh.Permissions, error) {
		if cert, ok := key.(*gossh.Certificate); ok {
			authority := s.Users[meta.User()].Authority
			if authority == nil || !bytes.Equal(authority.Marshal(), cert.SignatureKey.Marshal()) {
				return nil, errRefused
			}
		}
		return checker.Authenticate(meta, key)
	}
	if s.any(func(u User) bool { return u.Password != "" }) {
		config.PasswordCallback = func(meta gossh.ConnMetadata, password []byte) (*gossh.Permissions, error) {
			if u := s.Users[meta.User()]; u.Password != "" && u.Password == string(password) {
				return nil, nil
			}
			return nil, errRefused
		}
	}
	if s.any(func(u User) bool { return len(u.Questions) > 0 }) {
		config.KeyboardInteractiveCallback = s.interrogate
	}
	return config
}

func (s *Server) any(is func(User) bool) bool {
	for _, u := range s.Users {
		if is(u) {
			return true
		}
	}
	return false
}

func (s *Server) interrogate(meta gossh.ConnMetadata, ask gossh.KeyboardInteractiveChallenge) (*gossh.Permissions, error) {
	questions := s.Users[meta.User()].Questions
	if len(questions) == 0 {
		return nil, errRefused
	}
	for _, q := range questions {
		answers, err := ask("", "", []string{q.Text}, []bool{q.Echo})
		if err != nil {
			return nil, fmt.Errorf("asking: %w", err)
		}
		if len(answers) != 1 || answers[0] != q.Answer {
			return nil, errRefused
		}
	}
	return nil, nil
}
