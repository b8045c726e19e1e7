package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"provision/provision/etcd/backup/target"
)

const (
	partSize = 16 << 20
	// retries are few: the timer starts the next run soon.
	retries = 3
	// stale is how old an unfinished upload is that something killed has left.
	stale = 24 * time.Hour
)

// Bucket is a target.Target below a prefix of a bucket.
type Bucket struct {
	name, bucket, prefix string
	client               *minio.Client
	transport            *http.Transport
}

var _ target.Target = (*Bucket)(nil)

// Open prepares a bucket; it is reached when it is used.
func Open(name string, spec target.S3) (*Bucket, error) {
	endpoint, err := url.Parse(spec.Endpoint)
	if err != nil || endpoint.Host == "" {
		return nil, fmt.Errorf("target %s: %q is not https://HOST[:PORT]", name, spec.Endpoint)
	}
	transport, err := transport(spec)
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", name, err)
	}
	lookup := minio.BucketLookupDNS
	if spec.PathStyle {
		lookup = minio.BucketLookupPath
	}
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(spec.AccessKey.Reveal(), spec.SecretKey.Reveal(), ""),
		Secure: endpoint.Scheme == "https", Transport: transport, Region: spec.Region, BucketLookup: lookup, MaxRetries: retries,
	})
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", name, err)
	}
	prefix := strings.Trim(spec.Prefix, "/")
	if prefix != "" {
		prefix += "/"
	}
	return &Bucket{name: name, bucket: spec.Bucket, prefix: prefix, client: client, transport: transport}, nil
}

func transport(spec target.S3) (*http.Transport, error) {
	t := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 2 * time.Minute, IdleConnTimeout: time.Minute,
		DisableCompression: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if spec.Dial != nil {
		t.DialContext = spec.Dial
	}
	if spec.CA != "" {
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM([]byte(spec.CA)) {
			return nil, errors.New("there is no certificate in ca")
		}
	}
	if spec.Proxy != "" {
		proxy, err := url.Parse(spec.Proxy)
		if err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
		t.Proxy = http.ProxyURL(proxy)
	}
	return t, nil
}

// Name implements target.Target.
func (b *Bucket) Name() string { return b.name }

// Close implements target.Target.
func (b *Bucket) Close() error {
	b.transport.CloseIdleConnections()
	return nil
}

// Put implements target.Target.
func (b *Bucket) Put(ctx context.Context, name string, content io.ReadSeeker, size int64) error {
	if err := target.CheckName(name); err != nil {
		return err
	}
	if size > partSize {
		b.sweep(ctx, name)
	}
	info, err := b.client.PutObject(ctx, b.bucket, b.prefix+name, content, size, minio.PutObjectOptions{
		ContentType: "application/octet-stream", PartSize: partSize, NumThreads: 2, SendContentMd5: true,
	})
	if err != nil {
		return b.failed("writing", name, err)
	}
	if info.Size != size {
		return b.failed("writing", name, fmt.Errorf("%d bytes were stored of %d", info.Size, size))
	}
	return nil
}

// sweep ends uploads of the same folder that something killed has left: they
// take room and are not listed.
func (b *Bucket) sweep(ctx context.Context, name string) {
	folder, _, _ := strings.Cut(name, "/")
	for left := range b.client.ListIncompleteUploads(ctx, b.bucket, b.prefix+folder+"/", true) {
		if left.Err == nil && time.Since(left.Initiated) > stale {
			_ = b.client.RemoveIncompleteUpload(ctx, b.bucket, left.Key)
		}
	}
}

// Get implements target.Target.
func (b *Bucket) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := target.CheckName(name); err != nil {
		return nil, err
	}
	object, err := b.client.GetObject(ctx, b.bucket, b.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, b.failed("reading", name, err)
	}
	if _, err := object.Stat(); err != nil {
		_ = object.Close()
		return nil, b.failed("reading", name, err)
	}
	return object, nil
}

// List implements target.Target.
func (b *Bucket) List(ctx context.Context, prefix string) ([]target.Info, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var list []target.Info
	for object := range b.client.ListObjects(ctx, b.bucket, minio.ListObjectsOptions{Prefix: b.prefix + prefix, Recursive: true}) {
		if object.Err != nil {
			return nil, b.failed("listing", prefix, object.Err)
		}
		name := strings.TrimPrefix(object.Key, b.prefix)
		if target.CheckName(name) == nil && strings.HasPrefix(object.Key, b.prefix+prefix) {
			list = append(list, target.Info{Name: name, Size: object.Size, Modified: object.LastModified})
		}
	}
	slices.SortFunc(list, func(a, b target.Info) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Delete implements target.Target.
func (b *Bucket) Delete(ctx context.Context, name string) error {
	if err := target.CheckName(name); err != nil {
		return err
	}
	err := b.client.RemoveObject(ctx, b.bucket, b.prefix+name, minio.RemoveObjectOptions{})
	if err != nil && locked(err) {
		err = errors.Join(target.ErrLocked, err)
	}
	if err != nil {
		return b.failed("deleting", name, err)
	}
	return nil
}

// locked: servers call it by different names.
func locked(err error) bool {
	answer := minio.ToErrorResponse(err)
	return answer.StatusCode == http.StatusForbidden && !strings.HasPrefix(answer.Code, "Invalid") && answer.Code != "SignatureDoesNotMatch" ||
		strings.Contains(answer.Code, "ObjectLock") || strings.Contains(answer.Message, "WORM")
}

func (b *Bucket) failed(doing, name string, err error) error {
	answer := minio.ToErrorResponse(err)
	switch answer.Code {
	case "NoSuchKey":
		err = errors.Join(target.ErrNotFound, err)
	case "NoSuchBucket":
		err = fmt.Errorf("%w; create the bucket: no run creates one", err)
	case "RequestTimeTooSkewed":
		err = fmt.Errorf("%w; the clock of this host or of the server is wrong", err)
	}
	return fmt.Errorf("%s %s in bucket %s: %w", doing, b.prefix+name, b.bucket, err)
}
