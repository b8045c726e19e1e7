package agentbin

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
)

// Binary is an agent for one architecture.
type Binary struct {
	Arch   string
	SHA256 string
	Bytes  []byte
}

// Arches are the architectures that hosts may have.
func Arches() []string { return []string{"amd64", "arm64"} }

// Load returns the agents by architecture. It fails when this program was
// built without them.
func Load() (map[string]Binary, error) {
	agents := map[string]Binary{}
	for _, arch := range Arches() {
		content, err := Program("provision-agent", arch)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(content)
		agents[arch] = Binary{Arch: arch, SHA256: hex.EncodeToString(sum[:]), Bytes: content}
	}
	return agents, nil
}

// Program returns a command of ours, cmd/NAME, for an architecture.
func Program(name, arch string) ([]byte, error) {
	content, err := fs.ReadFile(built, folder+"/"+name+"-"+arch)
	if err != nil {
		return nil, fmt.Errorf("cannot find %s for %s in this program: it was built without; build it with \"make build\"", name, arch)
	}
	return content, nil
}
