package pull

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/bundle/images"
	"provision/provision/bundle/lock"
	"provision/provision/bundle/store"
)

// mavenCentral is where jars are published, mavenName what --repository calls it.
const (
	mavenCentral = "https://repo1.maven.org/maven2"
	mavenName    = "maven"
)

// addJars makes a layer of files of a Maven repository.
func (p *puller) addJars(ctx context.Context, a *assembly, jars *catalogue.Jars, ref bundle.Ref) error {
	base, err := p.maven()
	if err != nil {
		return err
	}
	a.owes(store.Provenance{VouchedBy: "checksums of the Maven repository"})
	return a.layer(func(tree *images.Tree) error {
		for _, c := range jars.Coordinates {
			at, err := catalogue.ParseCoordinate(catalogue.Expand(c, ref))
			if err != nil {
				return err
			}
			digest, err := p.jar(ctx, ref, base, at)
			if err != nil {
				return err
			}
			name := path.Join(jars.Folder, at.File())
			a.part("jar", name, digest)
			f, err := p.store.Open(digest)
			if err != nil {
				return err
			}
			if err := errors.Join(tree.AddFile(name, 0o644, f), f.Close()); err != nil {
				return err
			}
		}
		return nil
	})
}

// jar has a file in the store and returns its sha256. A lock says what that is,
// or else the repository, over HTTPS; it is locked from then on.
func (p *puller) jar(ctx context.Context, ref bundle.Ref, base string, at catalogue.Coordinate) (string, error) {
	id := "maven " + at.String()
	want, err := p.locked(id)
	if err != nil {
		return "", err
	}
	if want.SHA256 != "" && p.store.Has(want.SHA256) {
		return want.SHA256, nil
	}
	address := base + "/" + at.Path()
	dir, done, err := p.store.TempDir("jar-*")
	if err != nil {
		return "", err
	}
	defer done()
	file, err := p.download(ctx, ref, "maven", address, dir)
	if err != nil {
		return "", err
	}
	if want.SHA256 == "" {
		if err := p.checkPublished(ctx, address, file); err != nil {
			return "", err
		}
	}
	sum, size, err := store.HashFile(file)
	if err != nil {
		return "", err
	}
	if err := p.pin(ctx, id, lock.Output{Artifact: at.File(), SHA256: sum, Size: size, Note: address}, nil); err != nil {
		return "", err
	}
	_, _, err = p.store.AddFile(file, sum)
	return sum, err
}

// checkPublished compares a file with the best checksum that lies beside it.
// Old artifacts have a SHA-1 only: with TLS it still tells a damaged file.
func (p *puller) checkPublished(ctx context.Context, address, file string) error {
	if !strings.HasPrefix(address, "https://") {
		return fmt.Errorf("cannot use %s: nothing vouches for plain HTTP, and no lock holds its sha256; give an https:// address with --repository %s=URL", address, mavenName)
	}
	var published string
	var sum hash.Hash
	for _, kind := range []struct {
		suffix string
		sum    hash.Hash
	}{{".sha256", sha256.New()}, {".sha1", sha1.New()}} {
		data, err := p.getSmall(ctx, address+kind.suffix, 4096)
		var passed *errPass
		if errors.As(err, &passed) {
			continue
		}
		if err != nil {
			return err
		}
		first, _, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
		published, sum = strings.ToLower(first), kind.sum
		break
	}
	if sum == nil {
		return pass("%s has no checksum beside it", address)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(sum, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != published {
		return &lock.MismatchError{What: address, Want: published + " (its published checksum)", Got: got}
	}
	return nil
}

// maven is the address of the repository: --repository maven=URL, else the
// mirror that this user's Maven has for the central repository, else that one.
func (p *puller) maven() (string, error) {
	if given := p.opts.Repositories[mavenName]; given != "" {
		return strings.TrimSuffix(given, "/"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return mavenCentral, nil
	}
	settings := filepath.Join(home, ".m2", "settings.xml")
	data, err := os.ReadFile(settings)
	if errors.Is(err, fs.ErrNotExist) {
		return mavenCentral, nil
	}
	if err != nil {
		return "", fmt.Errorf("reading Maven's settings: %w", err)
	}
	mirror, err := mirrorOfCentral(data)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", settings, err)
	}
	if mirror == "" {
		return mavenCentral, nil
	}
	return strings.TrimSuffix(mirror, "/"), nil
}

// mirrorOfCentral is the first mirror of Maven's settings that stands for the
// central repository, "" for none.
func mirrorOfCentral(data []byte) (string, error) {
	var settings struct {
		Mirrors []struct {
			Of  string `xml:"mirrorOf"`
			URL string `xml:"url"`
		} `xml:"mirrors>mirror"`
	}
	if err := xml.Unmarshal(data, &settings); err != nil {
		return "", err
	}
	for _, m := range settings.Mirrors {
		of := strings.Split(strings.ReplaceAll(m.Of, " ", ""), ",")
		stands := slices.Contains(of, "central") || slices.Contains(of, "*") || slices.Contains(of, "external:*")
		if stands && !slices.Contains(of, "!central") {
			return strings.TrimSpace(m.URL), nil
		}
	}
	return "", nil
}
