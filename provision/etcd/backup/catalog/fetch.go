package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"filippo.io/age"

	"provision/provision/etcd/backup"
	"provision/provision/etcd/backup/seal"
	"provision/provision/etcd/backup/target"
	"provision/provision/secret"
)

// Identities are those in a file as age-keygen writes it.
func Identities(text []byte) ([]age.Identity, error) {
	list, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil {
		return nil, errors.New("it holds no identity of age, as age-keygen writes it") // the reason may quote one
	}
	return list, nil
}

// Fetch gets the snapshot of a backup into a file that it makes, from the first
// copy that is whole. What it reads is compared with the manifest: as it lies at
// the target, and as etcd gave it.
func (b Backup) Fetch(ctx context.Context, path string, identities []age.Identity) error {
	copies := slices.Clone(b.Copies)
	slices.SortStableFunc(copies, func(x, y Copy) int {
		switch {
		case x.Good() == y.Good():
			return 0
		case x.Good():
			return -1
		}
		return 1
	})
	var bad []string
	for _, c := range copies {
		err := c.fetch(ctx, path, identities)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		bad = append(bad, fmt.Sprintf("%s at %s: %s", backup.SnapshotObject(c.manifest.Cluster, c.manifest.Name()), c.Target, err))
	}
	return fmt.Errorf("no copy of backup %s can be used:\n  %s\nGive another backup: provision etcd list", b.Name(), strings.Join(bad, "\n  "))
}

func (c Copy) fetch(ctx context.Context, path string, identities []age.Identity) (err error) {
	if c.Bad != "" {
		return errors.New(c.Bad)
	}
	in, err := c.at.Get(ctx, backup.SnapshotObject(c.manifest.Cluster, c.manifest.Name()))
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	stored, plain := seal.NewMeter(io.Discard), seal.NewMeter(out)
	tee := io.TeeReader(in, stored)
	err = seal.Open(plain, tee, identities...)
	if err == nil {
		_, err = io.Copy(io.Discard, tee)
	}
	err = errors.Join(err, out.Sync(), out.Close())
	switch {
	case err != nil:
		return unopened(err)
	case stored.Content() != c.manifest.Stored:
		return fmt.Errorf("it has %d bytes with sha256 %s, and should have %d with %s", stored.Content().Size, stored.Content().SHA256, c.manifest.Stored.Size, c.manifest.Stored.SHA256)
	case plain.Content() != c.manifest.Snapshot:
		return fmt.Errorf("what is in it has sha256 %s, and should have %s", plain.Content().SHA256, c.manifest.Snapshot.SHA256)
	}
	return nil
}

// unopened says what to do when the identity is another one.
func unopened(err error) error {
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return errors.New("the identity that was given cannot open it; give the file of one of the recipients with --identity")
	}
	return err
}

// Keys are the items of the cluster's identity that a backup names: from its own
// targets, whichever has them.
func (b Backup) Keys(ctx context.Context, identities []age.Identity) (map[string]secret.Value, error) {
	items := map[string]secret.Value{}
	for _, e := range b.Escrow {
		name := backup.EscrowObject(b.Cluster, e)
		var errs []error
		for _, c := range b.Copies {
			item, err := key(ctx, c.at, name, b.Cluster, e, identities)
			if err == nil {
				items[e.Item] = item
				break
			}
			errs = append(errs, fmt.Errorf("%s at %s: %w", name, c.Target, err))
		}
		if _, got := items[e.Item]; !got {
			return nil, fmt.Errorf("%s of the cluster cannot be had:\n%w", e.Item, errors.Join(errs...))
		}
	}
	return items, nil
}

func key(ctx context.Context, at target.Target, name, cluster string, e backup.Escrow, identities []age.Identity) (secret.Value, error) {
	raw, err := get(ctx, at, name, 2*backup.MaxEscrow)
	if err != nil {
		return secret.Value{}, err
	}
	var plain bytes.Buffer
	if err := seal.Open(&plain, bytes.NewReader(raw), identities...); err != nil {
		return secret.Value{}, unopened(err)
	}
	item, err := backup.ParseEscrow(plain.Bytes(), cluster, e)
	if err != nil {
		return secret.Value{}, err
	}
	return secret.Of(item.Content.Bytes()), nil
}
