package main

import (
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// machines are the SSH hosts behind the bastion of one script, by address. They
// show a host key to who connects, and let nobody in. No packet leaves
// loopback: the bastion connects to what it knows, and refuses the rest.
type machines struct {
	mu    sync.Mutex
	hosts map[string]ssh.Signer
	all   sync.WaitGroup
}

type machinesKey struct{}

func newKey(ts *testscript.TestScript) (ed25519.PrivateKey, ssh.Signer) {
	_, key, err := ed25519.GenerateKey(nil)
	ts.Check(err)
	signer, err := ssh.NewSignerFromKey(key)
	ts.Check(err)
	return key, signer
}

// startSSH ADDRESS: an SSH host is there. Again: the machine was replaced and
// has another key.
func startSSH(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sshhost ADDRESS")
	}
	m := ts.Value(machinesKey{}).(*machines)
	_, signer := newKey(ts)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hosts[args[0]] = signer
}

// startBastion: a bastion runs on loopback, $BASTION is its port; it is known,
// and a login key is in ~/.ssh.
func startBastion(ts *testscript.TestScript, _ bool, _ []string) {
	m := ts.Value(machinesKey{}).(*machines)
	key, _ := newKey(ts)
	block, err := ssh.MarshalPrivateKey(key, "")
	ts.Check(err)
	folder := filepath.Join(ts.Getenv("HOME"), ".ssh")
	ts.Check(os.MkdirAll(folder, 0o700))
	ts.Check(os.WriteFile(filepath.Join(folder, "id_ed25519"), pem.EncodeToMemory(block), 0o600))
	_, signer := newKey(ts)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	address := knownhosts.Normalize(listener.Addr().String())
	ts.Check(os.WriteFile(filepath.Join(folder, "known_hosts"), []byte(knownhosts.Line([]string{address}, signer.PublicKey())+"\n"), 0o600))
	m.all.Go(func() { m.listen(listener, signer) })
	ts.Defer(func() { listener.Close(); m.all.Wait() })
	ts.Setenv("BASTION", fmt.Sprint(listener.Addr().(*net.TCPAddr).Port))
}

func (m *machines) listen(listener net.Listener, signer ssh.Signer) {
	config := &ssh.ServerConfig{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, nil }}
	config.AddHostKey(signer)
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		m.all.Go(func() { m.forward(conn, config) })
	}
}

// forward lets a client of the bastion reach the machines.
func (m *machines) forward(conn net.Conn, config *ssh.ServerConfig) {
	forward(conn, config, func(address string, _ uint32) func(ssh.Channel) {
		m.mu.Lock()
		defer m.mu.Unlock()
		signer, known := m.hosts[address]
		if !known {
			return nil
		}
		return func(channel ssh.Channel) { m.all.Go(func() { greet(channel, signer) }) }
	})
}

// forward is a bastion's end of a connection: reach says what becomes of the
// channel to an address, nil when nothing is there.
func forward(conn net.Conn, config *ssh.ServerConfig, reach func(address string, port uint32) func(ssh.Channel)) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for asked := range channels {
		var to struct {
			Host   string
			Port   uint32
			Origin string
			From   uint32
		}
		if err := ssh.Unmarshal(asked.ExtraData(), &to); err != nil {
			_ = asked.Reject(ssh.Prohibited, "not an address")
			continue
		}
		use := reach(to.Host, to.Port)
		if use == nil {
			_ = asked.Reject(ssh.ConnectionFailed, "Connection refused")
			continue
		}
		channel, more, err := asked.Accept()
		if err != nil {
			return
		}
		go ssh.DiscardRequests(more)
		use(channel)
	}
}

// greet is the machine: its key is seen, then nobody is let in.
func greet(channel ssh.Channel, signer ssh.Signer) {
	near, far := net.Pipe()
	defer channel.Close()
	defer near.Close()
	go func() { _, _ = io.Copy(far, channel); far.Close() }()
	go func() { _, _ = io.Copy(channel, far); channel.Close() }()
	config := &ssh.ServerConfig{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
		return nil, errors.New("nobody is let in")
	}}
	config.AddHostKey(signer)
	_, _, _, _ = ssh.NewServerConn(near, config)
}
