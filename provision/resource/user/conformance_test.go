package user_test

import (
	"errors"
	"testing"

	"provision/provision/internal/system/systemfake"
	"provision/provision/resource/resourcetest"
	"provision/provision/resource/user"
)

func accounts(passwd, group string) func(*systemfake.Host) error {
	return func(host *systemfake.Host) error {
		return errors.Join(
			host.Put("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"+passwd, 0o644),
			host.Put("/etc/group", "root:x:0:\nadm:x:4:syslog\n"+group, 0o644))
	}
}

func TestConformance(t *testing.T) {
	resourcetest.Run(t,
		resourcetest.Case{Title: "new", Kind: user.Of(), Name: "etcd", Spec: user.Spec{}, Setup: accounts("", ""), Drifts: map[string]func(*systemfake.Host) error{
			"deleted":       accounts("", ""),
			"another shell": accounts("etcd:x:990:990::/nonexistent:/bin/bash\n", "etcd:x:990:\n"),
			"group deleted": accounts("etcd:x:990:990::/nonexistent:/usr/sbin/nologin\n", ""),
		}},
		resourcetest.Case{Title: "group only", Kind: user.Of(), Name: "etcd", Spec: user.Spec{GroupOnly: true}, Setup: accounts("", "")},
		resourcetest.Case{Title: "in a group that is there", Kind: user.Of(), Name: "etcd", Spec: user.Spec{Groups: []string{"adm"}, Home: "/var/lib/etcd"}, Setup: accounts("", "etcd:x:55:\n")},
		resourcetest.Case{Title: "another shell", Kind: user.Of(), Name: "etcd", Spec: user.Spec{}, Setup: accounts("etcd:x:55:55::/home/etcd:/bin/sh\n", "etcd:x:55:\n")},
	)
}
