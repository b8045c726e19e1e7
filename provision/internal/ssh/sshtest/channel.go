package sshtest

import (
	"context"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"

	gossh "golang.org/x/crypto/ssh"

	"provision/provision/internal/ssh/shell"
)

func (s *Server) channel(ctx context.Context, wg *sync.WaitGroup, user string, ch gossh.NewChannel, sessions *atomic.Int64) {
	switch ch.ChannelType() {
	case "session":
		limit := int64(s.MaxSessions)
		if limit == 0 {
			limit = 10
		}
		if sessions.Add(1) > limit {
			sessions.Add(-1)
			_ = ch.Reject(gossh.Prohibited, "open failed") // what sshd says beyond MaxSessions
			return
		}
		// Before the client learns of the end, or its next session is one too many.
		over := sync.OnceFunc(func() { sessions.Add(-1); s.open.Add(-1) })
		wg.Go(func() {
			defer over()
			s.session(ctx, user, ch, over)
		})
	case "direct-tcpip":
		wg.Go(func() { s.forward(ctx, ch) })
	default:
		_ = ch.Reject(gossh.UnknownChannelType, ch.ChannelType())
	}
}

func (s *Server) session(ctx context.Context, user string, ch gossh.NewChannel, over func()) {
	open := s.open.Add(1)
	for most := s.most.Load(); open > most && !s.most.CompareAndSwap(most, open); most = s.most.Load() {
	}
	channel, reqs, err := ch.Accept()
	if err != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer channel.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	for req := range reqs {
		if req.Type != "exec" || s.Exec == nil {
			if req.WantReply {
				_ = req.Reply(req.Type == "env", nil)
			}
			continue
		}
		var payload struct{ Command string }
		if gossh.Unmarshal(req.Payload, &payload) != nil {
			return
		}
		_ = req.Reply(true, nil)
		s.execs.Add(1)
		wg.Go(func() { s.exec(ctx, user, payload.Command, channel, over) })
	}
	cancel()
}

func (s *Server) exec(ctx context.Context, user, command string, channel gossh.Channel, over func()) {
	argv, _ := shell.Split(command)
	code := s.Exec(ctx, Exec{
		User: user, Command: command, Argv: argv,
		Stdin: channel, Stdout: channel, Stderr: channel.Stderr(),
	})
	over()
	_ = channel.CloseWrite()
	_, _ = channel.SendRequest("exit-status", false, gossh.Marshal(struct{ Code uint32 }{uint32(code)}))
	_ = channel.Close()
}

// forward serves direct-tcpip, what a bastion does.
func (s *Server) forward(ctx context.Context, ch gossh.NewChannel) {
	var to struct {
		Host       string
		Port       uint32
		Origin     string
		OriginPort uint32
	}
	if !s.Forwarding || gossh.Unmarshal(ch.ExtraData(), &to) != nil {
		_ = ch.Reject(gossh.Prohibited, "administratively prohibited")
		return
	}
	dial := s.Dial
	if dial == nil && s.network != nil {
		dial = s.network.Dial
	}
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	conn, err := dial(ctx, "tcp", net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port))))
	if err != nil {
		_ = ch.Reject(gossh.ConnectionFailed, "Connection refused")
		return
	}
	channel, reqs, err := ch.Accept()
	if err != nil {
		_ = conn.Close()
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { gossh.DiscardRequests(reqs) })
	wg.Go(func() {
		_, _ = io.Copy(conn, channel)
		_ = conn.Close()
	})
	_, _ = io.Copy(channel, conn)
	_ = channel.Close()
	_ = conn.Close()
	wg.Wait()
}
