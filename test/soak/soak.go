package soak

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Soak is a journey of make soak.
type Soak struct {
	Name string // of its result: results/NAME.json
	Test string
	// Folders hold the code whose change makes the result stale.
	Folders []string
}

// Soaks are those that were run in full, and whose results are committed.
func Soaks() []Soak {
	run := []string{"addons", "cmd", "network", "provision"} // a whole run of provision
	kubelet := []string{"provision/agent", "provision/component/kubelet", "provision/component/ossettings", "provision/resource"}
	return []Soak{
		{"kills", "TestSoakKills", run},
		{"points", "TestSoakPoints", run},
		{"pool", "TestSoakPool", kubelet},
		{"rollback", "TestSoakRollback", run},
		{"rotation", "TestSoakRotation", run},
		{"upgrade", "TestSoakUpgrade", run},
		{"vm", "TestSoakVM", run},
	}
}

// Header begins each result.
type Header struct {
	Commit  string `json:"commit"`
	Covers  string `json:"covers,omitempty"` // Hash of the soak's folders
	Date    string `json:"date"`
	Journey string `json:"journey"`
	Passed  bool   `json:"passed"`
}

// Begin is the header of a result: which code is about to run. root is the work tree.
func Begin(root, journey string, now time.Time) (Header, error) {
	head := Header{Journey: journey, Date: now.UTC().Format(time.RFC3339)}
	git := exec.Command("git", "rev-parse", "HEAD")
	git.Dir = root
	out, err := git.Output()
	if err != nil {
		return head, fmt.Errorf("asking git for the commit of %s: %w", root, err)
	}
	head.Commit = strings.TrimSpace(string(out))
	for _, s := range Soaks() {
		if s.Name == journey {
			head.Covers, err = Hash(root, s.Folders)
			return head, err
		}
	}
	return head, fmt.Errorf("soak %q is not in the list of test/soak", journey)
}

// File is where a soak's result lies.
func File(root, journey string) string {
	return filepath.Join(root, "test", "soak", "results", journey+".json")
}

// Read returns the header of a committed result.
func Read(root, journey string) (Header, error) {
	var head Header
	raw, err := os.ReadFile(File(root, journey))
	if err != nil {
		return head, fmt.Errorf("reading the result of soak %s (make soak writes it): %w", journey, err)
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return head, fmt.Errorf("reading %s: %w", File(root, journey), err)
	}
	return head, nil
}

// Stale reports whether what a soak covers has changed since its result.
func Stale(root string, s Soak) (bool, error) {
	head, err := Read(root, s.Name)
	if err != nil {
		return false, err
	}
	now, err := Hash(root, s.Folders)
	return head.Covers != now, err
}

// Hash covers names and contents of the files in the folders that end up in a
// program: no tests, no pages, nothing that was built.
func Hash(root string, folders []string) (string, error) {
	sum := sha256.New()
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() {
				if d.Name() == "testdata" || d.Name() == "agentbin" {
					return filepath.SkipDir
				}
				return nil
			}
			if strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".md") {
				return nil
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			name, err := filepath.Rel(root, path)
			fmt.Fprintf(sum, "%s %x\n", filepath.ToSlash(name), sha256.Sum256(content))
			return err
		})
		if err != nil {
			return "", fmt.Errorf("hashing %s: %w", folder, err)
		}
	}
	return fmt.Sprintf("%x", sum.Sum(nil))[:16], nil
}
