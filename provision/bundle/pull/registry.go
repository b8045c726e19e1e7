package pull

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/bundle/images"
	"provision/provision/bundle/store"
)

// fromRegistry pulls an image. The first pull of a tag locks the digest that it
// stands for, an index's where there are several platforms; later ones ask for
// that digest, wherever the tag has moved.
func (p *puller) fromRegistry(ctx context.Context, e catalogue.Entry, ref bundle.Ref) (store.Record, error) {
	reference, err := images.Normal(catalogue.Expand(e.Image.Reference, ref))
	if err != nil {
		return store.Record{}, err
	}
	// The archive follows from the image, so that one pin holds both.
	inputs := "image " + reference + " linux/" + ref.Arch
	pinned, err := p.locked(inputs)
	if err != nil {
		return store.Record{}, err
	}
	from, err := p.remoteName(reference, pinned.Note)
	if err != nil {
		return store.Record{}, err
	}
	p.emit(ref, Downloading, func(ev *Event) { ev.Source = "registry" })
	desc, err := remote.Get(from, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithTransport(p.transport()))
	if err != nil {
		return store.Record{}, registryError(ctx, from, err)
	}
	var root images.Root
	if desc.MediaType.IsIndex() {
		root, err = desc.ImageIndex()
	} else {
		root, err = desc.Image()
	}
	if err == nil {
		err = images.Fits(root, ref.Arch)
	}
	if err != nil {
		return store.Record{}, fmt.Errorf("pulling %s: %w", from, err)
	}
	dir, done, err := p.store.TempDir("image-*")
	if err != nil {
		return store.Record{}, err
	}
	defer done()
	rec, err := p.keepImage(ctx, e, ref, dir, reference, root, store.Provenance{
		Source: "registry", Origin: from.String(), VouchedBy: "digest of the registry, locked at the first pull", Inputs: inputs,
	})
	return rec, err
}

// remoteName is where an image is pulled from: by the locked digest if there is
// one, from the mirror that --repository names for its registry.
func (p *puller) remoteName(reference, digest string) (name.Reference, error) {
	if digest != "" {
		repository, _, _ := strings.Cut(reference, "@")
		if at := strings.LastIndex(repository, ":"); at > strings.LastIndex(repository, "/") {
			repository = repository[:at]
		}
		reference = repository + "@" + digest
	}
	registry, path, _ := strings.Cut(reference, "/")
	where := cmp.Or(p.opts.Repositories[registry], registry)
	var options []name.Option
	if plain, ok := strings.CutPrefix(where, "http://"); ok {
		where, options = plain, append(options, name.Insecure)
	}
	where = strings.TrimSuffix(strings.TrimPrefix(where, "https://"), "/")
	from, err := name.ParseReference(where+"/"+path, options...)
	if err != nil {
		return nil, fmt.Errorf("reading the image reference: %w", err)
	}
	return from, nil
}

func (p *puller) transport() http.RoundTripper {
	if t := p.opts.HTTP.Transport; t != nil {
		return t
	}
	return http.DefaultTransport
}

// registryError passes over what keeps a registry from giving an image.
func registryError(ctx context.Context, from name.Reference, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var refused *transport.Error
	if errors.As(err, &refused) {
		switch refused.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden:
			return pass("%s wants a login or does not have %s; log in with `docker login %s` or `crane auth login`", from.Context().RegistryStr(), from, from.Context().RegistryStr())
		case http.StatusNotFound:
			return pass("%s does not have %s", from.Context().RegistryStr(), from)
		}
	}
	return pass("pulling %s: %s", from, err)
}
