package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"

	"provision/provision/bundle"
	"provision/provision/bundle/store"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"provision": main})
}

// TestScripts runs the scripts of test/scripts: what an operator types, and
// what comes back. UPDATE_SCRIPTS=1 writes what came back into them.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "../../test/scripts",
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("PROVISION_CACHE", filepath.Join(env.WorkDir, "cache"))
			samples, err := filepath.Abs("../../inventories")
			if err != nil {
				return err
			}
			env.Setenv("SAMPLES", samples)
			env.Values[machinesKey{}] = &machines{hosts: map[string]ssh.Signer{}}
			return os.MkdirAll(env.Getenv("HOME"), 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"json": isJSON, "jsonlines": areJSON, "artifact": addArtifact, "sshhost": startSSH, "bastion": startBastion, "code": exitCode,
		},
	})
}

// isJSON FILE: the file is one JSON document.
func isJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: json FILE")
	}
	if text := ts.ReadFile(args[0]); !json.Valid([]byte(text)) {
		ts.Fatalf("%s is not JSON:\n%s", args[0], text)
	}
}

// areJSON FILE: each line is JSON, and the last has the type "result".
func areJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: jsonlines FILE")
	}
	last := struct{ Type string }{}
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		ts.Check(json.Unmarshal([]byte(line), &last))
	}
	if last.Type != "result" {
		ts.Fatalf("the last line of %s is no result", args[0])
	}
}

// addArtifact NAME VERSION CONTENT: the store has it.
func addArtifact(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: artifact NAME VERSION CONTENT")
	}
	opened, err := store.Open(store.Options{Dir: ts.Getenv("PROVISION_CACHE")})
	ts.Check(err)
	digest, size, err := opened.Add(strings.NewReader(args[2]), "")
	ts.Check(err)
	ref := bundle.Ref{Name: args[0], Version: args[1], Arch: "amd64"}
	ts.Check(opened.Put(store.Record{FormatVersion: store.FormatVersion, Ref: ref,
		Artifacts:  []bundle.Artifact{{Ref: ref, File: args[0], Format: bundle.Binary, SHA256: digest, Size: size}},
		Provenance: store.Provenance{Source: "build"}}))
}

// exitCode N ARGS: provision ends with this code.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: code N ARGUMENTS...")
	}
	err := ts.Exec("provision", args[1:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("provision ended with %s, not with %s", got, args[0])
	}
}
