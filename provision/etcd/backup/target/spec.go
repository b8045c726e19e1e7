package target

import (
	"context"
	"fmt"
	"net"
	"path"
	"strings"

	"provision/provision/secret"
)

// Spec is where a target is and how to get there. One of Local, S3 and SFTP is
// set.
type Spec struct {
	Name  string `json:"name"` // Target.Name
	Local *Local `json:"local,omitempty"`
	S3    *S3    `json:"s3,omitempty"`
	SFTP  *SFTP  `json:"sftp,omitempty"`
}

// Dial opens a connection, as net.Dialer.DialContext does: a lab's targets are in
// its own network namespace.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Via is the target as it is reached by dial.
func (s Spec) Via(dial Dial) Spec {
	if s.S3 != nil {
		bucket := *s.S3
		bucket.Dial, s.S3 = dial, &bucket
	}
	if s.SFTP != nil {
		folder := *s.SFTP
		folder.Dial, s.SFTP = dial, &folder
	}
	return s
}

// Local is a folder on one host; a block of the inventory that names three hosts
// stands for three targets.
type Local struct {
	Host    string `json:"host"`
	Address string `json:"address"` // host:port where the host's receiver listens
	Path    string `json:"path"`    // absolute
}

// S3 is a bucket.
type S3 struct {
	Endpoint  string      `json:"endpoint"` // https://HOST[:PORT]; http:// where the inventory says so
	Bucket    string      `json:"bucket"`
	Prefix    string      `json:"prefix,omitempty"`
	Region    string      `json:"region,omitempty"`
	PathStyle bool        `json:"path_style,omitempty"`
	CA        string      `json:"ca,omitempty"` // PEM; "" for the system's authorities
	Proxy     string      `json:"proxy,omitempty"`
	AccessKey secret.Wire `json:"access_key"`
	SecretKey secret.Wire `json:"secret_key"`
	Dial      Dial        `json:"-"` // nil: as the machine does
}

// SFTP is a folder on a host of somebody else's.
type SFTP struct {
	Address string      `json:"address"` // host:port
	User    string      `json:"user"`
	Path    string      `json:"path"`     // absolute
	HostKey string      `json:"host_key"` // SHA256:…, as ssh-keygen -l prints it
	Key     secret.Wire `json:"key"`      // the user's private key, OpenSSH's format, no passphrase
	Dial    Dial        `json:"-"`        // nil: as the machine does
}

// CheckName refuses names that could lead out of a target's root.
func CheckName(name string) error {
	if name == "" || len(name) > 512 || path.Clean("/"+name) != "/"+name || strings.ContainsAny(name, "\\\x00\n\r") || strings.HasPrefix(path.Base(name), ".") {
		return fmt.Errorf("%q is not the name of an object", name)
	}
	return nil
}
