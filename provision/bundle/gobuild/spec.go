package gobuild

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"provision/provision/bundle/store"
)

// Spec says what to build.
type Spec struct {
	Module  string // go.etcd.io/etcd/server/v3
	Version string // v3.7.3
	Package string // import path of the command
	Arch    string // GOARCH
	Tags    []string
	// Cgo links C code, statically.
	Cgo bool
	// Libraries are the static C libraries that a cgo build takes in.
	Libraries []string
	// Stamps are linker variables: IMPORTPATH.NAME=VALUE.
	Stamps []string
	// Replaces stand in for modules of the build list.
	Replaces []Replace
	// LocalReplaces is the version for modules that the module's own go.mod
	// replaces by folders of its repository, which a zip does not hold.
	LocalReplaces string
	// Sums are go.sum lines of modules that the checksum database lacks.
	Sums []string
}

// Replace puts a module version in the place of another.
type Replace struct{ Old, New, Version string }

// Flags are the arguments of `go build` that shape the result.
func (s Spec) Flags() []string {
	ld := []string{"-s", "-w"}
	if s.Cgo {
		ld = append(ld, "-linkmode", "external", "-extldflags", "-static")
	}
	for _, x := range s.Stamps {
		ld = append(ld, "-X", x)
	}
	flags := []string{"-trimpath", "-ldflags=" + strings.Join(ld, " ")}
	if len(s.Tags) > 0 {
		flags = append(flags, "-tags="+strings.Join(s.Tags, ","))
	}
	return flags
}

// Inputs is everything that the bytes of a build depend on.
type Inputs struct {
	Recipe  int            `json:"recipe"`
	Modules []store.Module `json:"modules"`
	Package string         `json:"package"`
	Arch    string         `json:"arch"`
	Cgo     bool           `json:"cgo"`
	Flags   []string       `json:"flags"`
	Sums    []string       `json:"sums,omitempty"`
	Go      string         `json:"go"`
	// Toolchain is the hash of the Go compiler and linker: distributions
	// patch them under the same version.
	Toolchain string `json:"toolchain"`
	Compiler  string `json:"compiler,omitempty"`
}

// recipe is raised when this package builds in another way.
const recipe = 1

// Hash names the inputs.
func (in Inputs) Hash() (string, error) {
	data, err := json.Marshal(in)
	if err != nil {
		return "", fmt.Errorf("hashing build inputs: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}
