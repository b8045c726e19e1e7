package ssh_test

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	gossh "golang.org/x/crypto/ssh"

	"provision/provision/internal/ssh"
	"provision/provision/internal/ssh/sshtest"
)

// BenchmarkThousandHosts connects to 1,000 hosts and starts an agent on each.
func BenchmarkThousandHosts(b *testing.B) {
	signer := sshtest.NewSigner()
	network := sshtest.NewNetwork()
	defer network.Close()
	agent := sshtest.Agent(func(_ context.Context, args []string, e sshtest.Exec) int {
		_, _ = io.WriteString(e.Stdout, "PROVISION/1 "+args[1]+"\n")
		_, _ = io.Copy(io.Discard, e.Stdin)
		return 0
	}, nil)
	file, key := writeKey(b, b.TempDir(), "id", "")
	targets := make([]ssh.Target, 1000)
	for i := range targets {
		s := &sshtest.Server{
			HostKeys: []gossh.Signer{signer}, Exec: agent,
			Users: map[string]sshtest.User{"root": {Keys: []gossh.PublicKey{key.PublicKey()}}},
		}
		targets[i] = ssh.Target{
			Name: fmt.Sprintf("n%d", i), Address: fmt.Sprintf("10.0.%d.%d", i/250, i%250+1), Port: 22, User: "root",
			IdentityFiles: []string{file}, HostKeyPin: line(signer.PublicKey()),
		}
		network.Add(targets[i].Endpoint(), s)
	}
	binary := ssh.NewAgentBinary(map[string][]byte{"amd64": {1}})
	for b.Loop() {
		pool := ssh.NewPool(ssh.Options{Dial: network.Dial})
		var wg sync.WaitGroup
		for _, target := range targets {
			wg.Go(func() {
				c, err := pool.Connect(b.Context(), target)
				if err == nil {
					_, err = ssh.StartAgent(b.Context(), c, binary, "serve", "nonce")
				}
				if err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
		require.NoError(b, pool.Close())
	}
	b.ReportMetric(float64(len(targets)), "hosts")
}
