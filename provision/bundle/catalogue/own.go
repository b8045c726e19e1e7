package catalogue

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"provision/provision/bundle"
	"provision/provision/internal/agentbin"
)

// headSize is how much of a program tells it from any other: Go puts a digest of
// all of it into the first page.
const headSize = 4096

// Own is the row of a command of ours, cmd/NAME. Its version follows from its
// bytes, so that another provision brings another version. Only hosts whose
// components name it are sent it.
func Own(name string) Entry {
	sum := sha256.New()
	for _, arch := range agentbin.Arches() {
		if head, size, err := agentbin.Head(name, arch, headSize); err == nil { // else Bytes says so
			sum.Write(head)
			fmt.Fprint(sum, size)
		}
	}
	return Entry{
		Name: name, Format: bundle.Binary, Default: hex.EncodeToString(sum.Sum(nil)[:6]),
		Own: &OwnSource{Bytes: func(arch string) ([]byte, error) { return agentbin.Program(name, arch) }},
	}
}
