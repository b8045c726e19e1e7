package take

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"provision/provision/etcd/backup"
	"provision/provision/etcd/backup/seal"
	"provision/provision/etcd/backup/target"
	"provision/provision/secret"
)

// Escrow writes the items that this host holds to the targets that lack them.
func (t *Taker) Escrow(ctx context.Context) error {
	return t.during(func(s *session) error { return s.escrow(ctx) })
}

// escrow stores each item in an object of its own, and tells etcd the names:
// manifests list them. A target that is down gets them with the next backup.
func (s *session) escrow(ctx context.Context) error {
	var list []backup.Escrow
	var problems []error
	there := map[string]map[string]bool{}
	for name, at := range s.targets {
		infos, err := at.List(ctx, s.Cluster+"/"+backup.EscrowDir+"/")
		if err != nil {
			s.say("target %s: %s", name, oneLine(err)) // told by the backup, too
			continue
		}
		there[name] = map[string]bool{}
		for _, info := range infos {
			there[name][info.Name] = info.Size > 0
		}
	}
	for _, item := range s.Config.Items {
		content, err := os.ReadFile(filepath.Join(s.Identity, item))
		if err != nil {
			problems = append(problems, fmt.Errorf("reading what goes into escrow: %w", err))
			continue
		}
		held := secret.Of(content)
		e := backup.Escrow{Item: item, Hash: backup.EscrowHash(s.Cluster, item, held, s.Config.Recipients)}
		stored, err := s.storeEscrow(ctx, e, held, there)
		if err != nil {
			problems = append(problems, err)
		}
		if stored {
			list = append(list, e)
		}
	}
	text, err := backup.EscrowNames(list)
	if err != nil {
		return err
	}
	key := backup.EscrowKey + s.Config.Host
	if old, err := s.get(ctx, key); err == nil && bytes.Equal(old, text) {
		return errors.Join(problems...)
	}
	return errors.Join(append(problems, s.put(ctx, key, text))...)
}

// storeEscrow reports whether an item lies at a target at least.
func (s *session) storeEscrow(ctx context.Context, e backup.Escrow, content secret.Value, there map[string]map[string]bool) (stored bool, err error) {
	object := backup.EscrowObject(s.Cluster, e)
	var sealed []byte
	for name, has := range there {
		if has[object] {
			stored = true
			continue
		}
		if sealed == nil {
			if sealed, err = s.sealItem(ctx, e, content); err != nil {
				return stored, err
			}
		}
		if errPut := s.targets[name].Put(ctx, object, bytes.NewReader(sealed), int64(len(sealed))); errPut != nil {
			err = errors.Join(err, fmt.Errorf("target %s: storing escrow of %s: %w", name, e.Item, errPut))
			continue
		}
		s.say("target %s: escrow of %s stored", name, e.Item)
		stored = true
	}
	return stored, err
}

func (s *session) sealItem(ctx context.Context, e backup.Escrow, content secret.Value) ([]byte, error) {
	text, err := backup.EscrowItem{Cluster: s.Cluster, Item: e.Item, Content: secret.OnWire(content)}.JSON()
	if err != nil {
		return nil, err
	}
	sealer, err := seal.New(s.Config.Recipients)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	plain, stored, err := sealer.Seal(ctx, &out, bytes.NewReader(text.Bytes()))
	if err != nil {
		return nil, err
	}
	return out.Bytes(), sealer.Check(ctx, bytes.NewReader(out.Bytes()), plain, stored)
}

// escrowed are the objects that a backup of now needs, as the holders told etcd,
// and what is missing among them.
func (s *session) escrowed(ctx context.Context, more ...clientv3.OpOption) (list []backup.Escrow, problems []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	answer, err := s.etcd.Get(ctx, backup.EscrowKey, append(more, clientv3.WithPrefix())...)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the names of escrow objects from etcd: %w", err)
	}
	has := map[string]bool{}
	for _, kv := range answer.Kvs {
		of, err := backup.ParseEscrowNames(kv.Value)
		if err != nil {
			problems = append(problems, fmt.Sprintf("the names of host %s's escrow objects in etcd are not readable; run systemctl start provision-etcd-escrow.service there", strings.TrimPrefix(string(kv.Key), backup.EscrowKey)))
			continue
		}
		for _, e := range of {
			if !slices.Contains(list, e) {
				list = append(list, e)
			}
			has[e.Item] = true
		}
	}
	slices.SortFunc(list, func(a, b backup.Escrow) int { return strings.Compare(a.Item+a.Hash, b.Item+b.Hash) })
	var without []string
	for _, item := range s.Config.AllItems {
		if !has[item] {
			without = append(without, item)
		}
	}
	if len(without) > 0 {
		problems = append(problems, fmt.Sprintf("no host has written %s into escrow: a restore onto new hosts would need them; see provision-etcd-escrow.service on the hosts that hold them", strings.Join(without, ", ")))
	}
	return list, problems, nil
}

// bringEscrow copies the objects that a backup needs and the target lacks from
// another one: what is encrypted is the same everywhere.
func (s *session) bringEscrow(ctx context.Context, to target.Target, m backup.Manifest) error {
	infos, err := to.List(ctx, s.Cluster+"/"+backup.EscrowDir+"/")
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, info := range infos {
		there[info.Name] = info.Size > 0
	}
	for _, e := range m.Escrow {
		object := backup.EscrowObject(s.Cluster, e)
		if there[object] {
			continue
		}
		content, err := s.elsewhere(ctx, to, object)
		if err != nil {
			return fmt.Errorf("escrow of %s is not there, and no other target has it: %w", e.Item, err)
		}
		if err := to.Put(ctx, object, bytes.NewReader(content), int64(len(content))); err != nil {
			return fmt.Errorf("storing escrow of %s: %w", e.Item, err)
		}
	}
	return nil
}

func (s *session) elsewhere(ctx context.Context, but target.Target, object string) ([]byte, error) {
	err := target.ErrNotFound
	for _, from := range s.targets {
		if from == but {
			continue
		}
		stored, errGet := from.Get(ctx, object)
		if errGet != nil {
			continue
		}
		content, errRead := io.ReadAll(io.LimitReader(stored, backup.MaxEscrow))
		_ = stored.Close()
		if errRead == nil && len(content) > 0 {
			return content, nil
		}
		err = errors.Join(err, errRead)
	}
	return nil, err
}
