package debs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// donors are the releases whose archives hold the other distribution's keys,
// so that the keys which this machine trusts vouch for them.
var donors = map[string]string{"ubuntu": "trixie", "debian": "noble"}

// findKeyring returns the distribution's keys: this machine's, or those in the
// keyring package of the other distribution's archive.
func (s suite) findKeyring(ctx context.Context, dir, arch string) (string, error) {
	if _, err := os.Stat(s.keyring); err == nil {
		return s.keyring, nil
	}
	root := filepath.Join(dir, "keyring")
	fetched := filepath.Join(root, s.keyring)
	if _, err := os.Stat(fetched); err == nil {
		return fetched, nil
	}
	if err := s.fetchKeyring(ctx, dir, root, arch); err != nil {
		return "", fmt.Errorf("cannot check the signatures of %s: no %s, and %w; install %s", s.codename, s.keyring, err, s.keyringPackage)
	}
	return fetched, nil
}

func (s suite) fetchKeyring(ctx context.Context, dir, root, arch string) error {
	donor, err := suiteOf(donors[s.distribution])
	if err != nil {
		return err
	}
	if _, err := os.Stat(donor.keyring); err != nil {
		return fmt.Errorf("looking for the keys of %s: %w", donor.codename, err)
	}
	a := newApt(ctx, filepath.Join(dir, "donor"), arch, donor)
	if err := a.configure(ctx); err != nil {
		return err
	}
	if err := a.Update(ctx); err != nil {
		return err
	}
	out, err := a.run(ctx, a.dir, "apt-get", "download", "-qq", "--print-uris", s.keyringPackage)
	if err != nil {
		return err
	}
	list, err := parseURIs(out)
	if err != nil || len(list) != 1 {
		return fmt.Errorf("finding %s in %s: %d packages: %w", s.keyringPackage, donor.codename, len(list), err)
	}
	if err := a.Download(ctx, a.dir, list); err != nil {
		return err
	}
	tmp := root + ".new"
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if _, err := a.run(ctx, a.dir, "dpkg-deb", "-x", filepath.Join(a.dir, list[0].File), tmp); err != nil {
		return err
	}
	if err := os.RemoveAll(root); err != nil {
		return err
	}
	return os.Rename(tmp, root)
}
