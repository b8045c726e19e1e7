package pull

import (
	"context"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/bundle/store"
)

type mirror struct{}

func (p *puller) fromFolder(ctx context.Context, e catalogue.Entry, ref bundle.Ref) (store.Record, error) {
	return store.Record{}, pass("not yet")
}

func (p *puller) fromMirror(ctx context.Context, e catalogue.Entry, ref bundle.Ref) (store.Record, error) {
	return store.Record{}, pass("not yet")
}

func (p *puller) fromUpstream(ctx context.Context, e catalogue.Entry, ref bundle.Ref) (store.Record, error) {
	return store.Record{}, pass("not yet")
}
