package pull

import (
	"bytes"
	"context"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/bundle/store"
)

// fromOwn takes a program that is part of this provision.
func (p *puller) fromOwn(_ context.Context, e catalogue.Entry, ref bundle.Ref) (store.Record, error) {
	data, err := e.Own.Bytes(ref.Arch)
	if err != nil {
		return store.Record{}, err
	}
	art := bundle.Artifact{Ref: ref, File: e.Name, Format: e.Format}
	if art.SHA256, art.Size, err = p.store.Add(bytes.NewReader(data), ""); err != nil {
		return store.Record{}, err
	}
	return store.Record{Ref: ref, Artifacts: []bundle.Artifact{art}, Provenance: store.Provenance{
		Source: "provision", Origin: "cmd/" + e.Name, VouchedBy: "it is part of this program",
	}}, nil
}
