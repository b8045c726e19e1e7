package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"provision/provision/agent/api"
	"provision/provision/internal/ledger"
	"provision/provision/internal/names"
	"provision/provision/internal/system"
)

// agentGrace protects agents that another operator has just uploaded.
const agentGrace = time.Hour

// commit ends an apply: records that are closed go, the ledger is compacted,
// and files that nothing refers to are removed.
func (s *session) commit(ctx context.Context, _ api.Empty) (api.Empty, error) {
	held, err := s.own()
	if err != nil {
		return api.Empty{}, err
	}
	state := held.State()
	open, err := s.pending(ctx, state.Restarts)
	if err != nil {
		return api.Empty{}, err
	}
	for unit := range state.Restarts {
		if _, still := open[unit]; !still {
			if err := held.Clear(unit); err != nil {
				return api.Empty{}, err
			}
		}
	}
	if err := errors.Join(s.sys.Settle(ctx), held.Compact()); err != nil {
		return api.Empty{}, err
	}
	used := map[string]bool{}
	for _, entry := range state.Entries {
		for _, digest := range entry.Blobs {
			used[digest] = true
		}
	}
	return api.Empty{}, errors.Join(
		s.keepSelf(),
		s.sweepSaved(state),
		s.sweep(system.BlobDir, func(name string) bool { return used[name] }, 0),
		s.sweep(system.AgentDir, func(name string) bool { return name == s.options.Self }, agentGrace),
		s.sys.Save())
}

// currentAgent is the agent that the host's timer runs: that of the last apply.
const currentAgent = system.AgentDir + "/current"

func (s *session) keepSelf() error {
	if !names.SHA256(s.options.Self) {
		return nil // not run by its hash
	}
	if err := s.sys.Files.Symlink(s.options.Self, currentAgent); err != nil {
		return fmt.Errorf("keeping the agent: %w", err)
	}
	return nil
}

// sweepSaved removes what was replaced and has no way back any more: neither the
// ledger nor what is kept of settings on trial names it.
func (s *session) sweepSaved(state ledger.State) error {
	named, err := json.Marshal(state.Entries)
	if err != nil {
		return fmt.Errorf("removing unused files: %w", err)
	}
	spared, err := s.sys.Files.ReadFile(system.SparesFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing unused files: %w", err)
	}
	named = append(named, spared...)
	return s.sweep(system.SavedDir, func(digest string) bool { return bytes.Contains(named, []byte(digest)) }, 0)
}

// sweep removes the content-addressed files of a folder that are not kept.
// Unfinished uploads (.part) stay: they will be resumed.
func (s *session) sweep(dir string, keep func(name string) bool, grace time.Duration) error {
	entries, err := s.sys.Files.ReadDir(dir)
	if err != nil {
		return nil // nothing was ever put there
	}
	for _, entry := range entries {
		name := entry.Name()
		if !names.SHA256(name) || keep(name) {
			continue
		}
		info, err := s.sys.Files.Lstat(dir + "/" + name)
		if err != nil || s.sys.Now().Sub(info.MTime) < grace {
			continue
		}
		if err := s.sys.Files.Remove(dir + "/" + name); err != nil {
			return fmt.Errorf("removing unused files: %w", err)
		}
	}
	return nil
}
