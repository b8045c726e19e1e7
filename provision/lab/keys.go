package lab

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

// keyPair is an OpenSSH key: the private part as a file, the public as a line.
type keyPair struct {
	Private []byte
	Public  string // "ssh-ed25519 AAAA…"
}

func newKeyPair(comment string) (keyPair, error) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return keyPair{}, fmt.Errorf("generating an SSH key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(priv, comment)
	if err != nil {
		return keyPair{}, fmt.Errorf("encoding an SSH key: %w", err)
	}
	sshPub, err := ssh.NewPublicKey(pub)
	if err != nil {
		return keyPair{}, fmt.Errorf("encoding an SSH key: %w", err)
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(sshPub)))
	return keyPair{Private: pem.EncodeToMemory(block), Public: line}, nil
}

// knownHosts pins every host by address and by name.
func knownHosts(hosts []hostState) []byte {
	var b strings.Builder
	for _, h := range hosts {
		for _, name := range []string{h.Address.String(), h.Name} {
			if h.Port != 22 {
				name = "[" + name + "]:" + strconv.Itoa(h.Port)
			}
			fmt.Fprintf(&b, "%s %s\n", name, h.HostKey)
		}
	}
	return []byte(b.String())
}

func (h hostState) sshAddress() string {
	return net.JoinHostPort(h.Address.String(), strconv.Itoa(h.Port))
}
