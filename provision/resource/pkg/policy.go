package pkg

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"provision/provision/internal/system"
)

// policyPath is asked by packages before they start a service.
const policyPath = "/usr/sbin/policy-rc.d"

// setAside is where the operator's own policy waits meanwhile.
const setAside = policyPath + ".provision-saved"

// policy forbids every start (101). The second line is how we know it as ours.
const policy = "#!/bin/sh\n# provision: no service starts while its package is installed\nexit 101\n"

// blocked reports whether our policy is in place.
func blocked(sys *system.System) (bool, error) {
	content, err := sys.Files.ReadFile(policyPath)
	if errors.Is(err, fs.ErrNotExist) {
		_, err := sys.Files.Lstat(setAside)
		return err == nil, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading %s: %w", policyPath, err)
	}
	return string(content) == policy, nil
}

// block puts our policy in place of the operator's, which is set aside first.
func block(sys *system.System) error {
	ours, err := blocked(sys)
	if err != nil {
		return err
	}
	if info, err := sys.Files.Lstat(policyPath); err == nil && !ours {
		if err := sys.Files.Link(policyPath, setAside, info.Attr); err != nil {
			return fmt.Errorf("setting %s aside: %w", policyPath, err)
		}
		sys.Point("package:aside")
	}
	if err := sys.Files.WriteFile(policyPath, strings.NewReader(policy), system.Attr{Mode: 0o755}); err != nil {
		return fmt.Errorf("keeping services from starting: %w", err)
	}
	sys.Point("package:blocked")
	return nil
}

// unblock brings back the operator's policy, or none.
func unblock(sys *system.System) error {
	ours, err := blocked(sys)
	if err != nil {
		return err
	}
	_, err = sys.Files.Lstat(setAside)
	saved := err == nil
	switch {
	case ours && saved:
		err = sys.Files.Rename(setAside, policyPath)
	case ours:
		err = sys.Files.Remove(policyPath)
	default:
		err = sys.Files.Remove(setAside)
	}
	if err != nil {
		return fmt.Errorf("letting services start again: %w", err)
	}
	return nil
}
