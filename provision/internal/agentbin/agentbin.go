package agentbin

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
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

// Head is the beginning of a program, at most size bytes, and its length. It reads
// no more: programs are large, and each inventory asks.
func Head(name, arch string, size int) ([]byte, int64, error) {
	file, err := built.Open(folder + "/" + name + "-" + arch)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	head := make([]byte, min(int64(size), info.Size()))
	_, err = io.ReadFull(file, head)
	return head, info.Size(), err
}
