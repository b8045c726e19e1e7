package ssh

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path"

	"provision/provision/internal/ssh/shell"
	"provision/provision/internal/system"
)

// AgentBinary is the agent for each architecture, by Go's names.
type AgentBinary struct {
	// Dir is the folder on the host; "" means system.AgentDir.
	Dir    string
	Builds map[string]Build
}

// Build is the agent for one architecture.
type Build struct {
	SHA256 string
	Data   []byte
}

// NewAgentBinary hashes the agent's builds: "amd64", "arm64" → content.
func NewAgentBinary(builds map[string][]byte) AgentBinary {
	b := AgentBinary{Builds: map[string]Build{}}
	for arch, data := range builds {
		sum := sha256.Sum256(data)
		b.Builds[arch] = Build{SHA256: hex.EncodeToString(sum[:]), Data: data}
	}
	return b
}

// StartAgent runs the agent with args ("serve", nonce) as root, as long as ctx
// lives. A host that does not get on with it is an error of kind ErrSilent. It costs one exec channel when the host has an intact copy, and one
// more to upload and start it when not.
func StartAgent(ctx context.Context, c *Conn, b AgentBinary, args ...string) (*Process, error) {
	if b.Dir == "" {
		b.Dir = system.AgentDir
	}
	nonce, err := c.nonce()
	if err != nil {
		return nil, err
	}
	argv := shell.Start(nonce+markEnd, b.Dir, b.Builds["amd64"].SHA256, b.Builds["arm64"].SHA256, args)
	p, said, err := c.launch(ctx, argv, nonce, nil)
	if err != nil {
		return nil, err
	}
	if said.word == shell.Ready {
		return p, nil
	}
	_ = p.Wait()
	arch, known := goarch(said.rest)
	build, have := b.Builds[arch]
	if !known || !have {
		return nil, fmt.Errorf("cannot start the agent on %s: there is none for its architecture %s", c.target, said.rest)
	}
	argv = shell.Upload(nonce+markEnd, path.Join(b.Dir, build.SHA256), int64(len(build.Data)), build.SHA256, args)
	p, said, err = c.launch(ctx, argv, nonce, bytes.NewReader(build.Data))
	if err != nil {
		return nil, err
	}
	if said.word != shell.Ready {
		_ = p.Wait()
		return nil, fmt.Errorf("cannot upload the agent to %s: %s failed: %s", c.target, said.rest, p.Stderr())
	}
	return p, nil
}

func goarch(machine string) (string, bool) {
	switch machine {
	case "x86_64":
		return "amd64", true
	case "aarch64", "arm64":
		return "arm64", true
	}
	return "", false
}

// launch runs one of our scripts as root and returns the first thing it says.
// Content is sent when the script asks for it; then what it says next counts.
func (c *Conn) launch(ctx context.Context, argv []string, nonce string, content io.Reader) (*Process, event, error) {
	p, err := c.start(ctx, argv, "the agent", nonce, true)
	if err != nil {
		return nil, event{}, err
	}
	said, err := p.awaitReady(ctx, nil)
	if err != nil || said.word != shell.Send {
		return p, said, err
	}
	sent, beat := make(chan error, 1), make(chan struct{}, 1)
	c.wg.Go(func() {
		_, err := io.Copy(p.Stdin, beating{content, beat})
		if err != nil {
			_ = p.Stdin.Close() // the script sees that something is missing
		}
		sent <- err
	})
	// A failing script hangs up on the sender, so its word comes first.
	said, err = p.awaitReady(ctx, beat)
	if err == nil && said.word != shell.Failed {
		err = <-sent
	}
	return p, said, err
}
