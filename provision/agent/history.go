package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"provision/provision/agent/api"
	"provision/provision/internal/system"
)

// history keeps the records of runs, as files that nobody here understands.
func (s *session) history(_ context.Context, params api.HistoryParams) (api.HistoryResult, error) {
	if len(params.Put)+len(params.Drop) > 0 {
		if _, err := s.own(); err != nil {
			return api.HistoryResult{}, err
		}
		if err := s.putHistory(params); err != nil {
			return api.HistoryResult{}, err
		}
	}
	if params.Get != "" && !api.HistoryName(params.Get) {
		return api.HistoryResult{}, api.BadRequest("%.100q is no name of a record", params.Get)
	}
	return s.readHistory(params)
}

// putHistory writes records of runs last: what they refer to is there by then.
func (s *session) putHistory(params api.HistoryParams) error {
	names := slices.SortedFunc(maps.Keys(params.Put), func(a, b string) int {
		if x, y := strings.HasSuffix(a, api.RunSuffix), strings.HasSuffix(b, api.RunSuffix); x != y {
			if y {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	for _, name := range slices.Concat(names, params.Drop) {
		if !api.HistoryName(name) || len(params.Put[name]) > api.MaxHistoryFile {
			return api.BadRequest("%.100q is no record: its name or size is not allowed", name)
		}
	}
	if err := s.sys.Files.Mkdir(system.HistoryDir, system.Attr{Mode: 0o700}); err != nil {
		return fmt.Errorf("making the folder of records: %w", err)
	}
	// Dropped first: where the disk is full, that makes room.
	for _, name := range params.Drop {
		if err := s.sys.Files.Remove(system.HistoryDir + "/" + name); err != nil {
			return fmt.Errorf("dropping a record: %w", err)
		}
	}
	if there, err := s.sys.Files.ReadDir(system.HistoryDir); err != nil || len(there)+len(names) > api.MaxHistoryFiles {
		return fmt.Errorf("keeping a record: there are %d: %w", len(there), errors.Join(err, errTooMany))
	}
	for _, name := range names {
		if err := s.sys.Files.WriteFile(system.HistoryDir+"/"+name, bytes.NewReader(params.Put[name]), system.Attr{Mode: 0o600}); err != nil {
			return fmt.Errorf("keeping a record: %w", err)
		}
	}
	return nil
}

var errTooMany = fmt.Errorf("no more than %d are kept", api.MaxHistoryFiles)

func (s *session) readHistory(params api.HistoryParams) (api.HistoryResult, error) {
	result := api.HistoryResult{Sizes: map[string]int64{}, Content: map[string][]byte{}}
	entries, err := s.sys.Files.ReadDir(system.HistoryDir)
	if errors.Is(err, fs.ErrNotExist) {
		return result, nil
	}
	if err != nil {
		return result, fmt.Errorf("reading records: %w", err)
	}
	for _, entry := range entries {
		name := entry.Name()
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() || !api.HistoryName(name) || len(result.Sizes) == 2*api.MaxHistoryFiles {
			continue // gone meanwhile, or not ours
		}
		result.Sizes[name] = info.Size()
		run := params.Runs && strings.HasSuffix(name, api.RunSuffix) && info.Size() <= api.MaxHistoryRun
		if !run && (name != params.Get || info.Size() > api.MaxHistoryFile) {
			continue
		}
		if result.Content[name], err = s.sys.Files.ReadFile(system.HistoryDir + "/" + name); err != nil {
			return result, fmt.Errorf("reading a record: %w", err)
		}
	}
	return result, nil
}
