package sftp_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"provision/provision/etcd/backup/target"
	"provision/provision/etcd/backup/target/sftp"
	"provision/provision/etcd/backup/target/targettest"
	"provision/provision/secret"
)

// program is OpenSSH's SFTP server, behind an SSH server of the test's own.
func program(t *testing.T) string {
	for _, path := range []string{"/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server"} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	t.Skip("there is no sftp-server of OpenSSH")
	return ""
}

func signer(t *testing.T) (ssh.Signer, []byte) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(key, "")
	require.NoError(t, err)
	made, err := ssh.NewSignerFromKey(key)
	require.NoError(t, err)
	return made, pem.EncodeToMemory(block)
}

func serve(t *testing.T) target.SFTP {
	server := program(t)
	host, _ := signer(t)
	user, key := signer(t)
	config := &ssh.ServerConfig{PublicKeyCallback: func(c ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		if c.User() != "etcd" || !bytes.Equal(k.Marshal(), user.PublicKey().Marshal()) {
			return nil, errors.New("nobody")
		}
		return nil, nil
	}}
	config.AddHostKey(host)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go session(conn, config, server)
		}
	}()
	return target.SFTP{Address: listener.Addr().String(), User: "etcd", Path: t.TempDir() + "/backups", HostKey: ssh.FingerprintSHA256(host.PublicKey()), Key: secret.OnWire(secret.Of(key))}
}

func session(conn net.Conn, config *ssh.ServerConfig, program string) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for opened := range channels {
		channel, asked, err := opened.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range asked {
				_ = r.Reply(r.Type == "subsystem", nil)
			}
		}()
		cmd := exec.Command(program)
		cmd.Stdout = channel
		in, _ := cmd.StdinPipe()
		if cmd.Start() != nil {
			return
		}
		go func() {
			_, _ = io.Copy(in, channel)
			in.Close()
			_ = cmd.Wait()
			channel.Close()
		}()
	}
}

func TestConformance(t *testing.T) {
	targettest.Run(t, func(t *testing.T) target.Target {
		f, err := sftp.Open("sftp", serve(t))
		require.NoError(t, err)
		return f
	}, 1<<20)
}

func TestOnlyThePinnedServer(t *testing.T) {
	spec := serve(t)
	pinned := spec.HostKey
	spec.HostKey = "SHA256:other"
	f, err := sftp.Open("sftp", spec)
	require.NoError(t, err)
	_, err = f.List(t.Context(), "")
	require.ErrorContains(t, err, "does not have the key SHA256:other but ssh-ed25519 "+pinned)
	_, key := signer(t)
	spec.HostKey, spec.Key = pinned, secret.OnWire(secret.Of(key))
	f, err = sftp.Open("sftp", spec)
	require.NoError(t, err)
	_, err = f.List(t.Context(), "")
	assert.ErrorContains(t, err, "logging in at")
	spec.Key = secret.OnWire(secret.New("no key"))
	_, err = sftp.Open("sftp", spec)
	assert.ErrorContains(t, err, "is not a private key")
	assert.NotContains(t, err.Error(), "no key.")
}
