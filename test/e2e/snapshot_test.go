//go:build e2e

package e2e

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// snapshot is a cluster as far as two clusters of one inventory must be equal:
// by host and path, unit or object.
type snapshot map[string]string

// differences lists what is not the same, for people.
func (s snapshot) differences(other snapshot) []string {
	keys := map[string]bool{}
	for _, m := range []snapshot{s, other} {
		for k := range m {
			keys[k] = true
		}
	}
	var list []string
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if s[k] != other[k] {
			list = append(list, k+": "+or(s[k])+" != "+or(other[k]))
		}
	}
	return list
}

func or(text string) string {
	if text == "" {
		return "(absent)"
	}
	return text
}

// snapshot looks at all hosts and the API.
func (c *cluster) snapshot(t *testing.T) snapshot {
	t.Helper()
	s := snapshot{}
	for _, host := range c.applied(t) {
		c.tree(t, host, s)
		c.units(t, host, s)
		c.images(t, host, s)
	}
	a, closeTunnel := c.tunnel(t)
	defer closeTunnel()
	a.objects(t, s)
	return s
}

// own are paths that differ from host to host or from run to run, whatever
// provision does; ownContent those of which only name and mode are compared:
// keys, and what netbase's own script leaves empty for good when it is killed
// between making the file and writing it.
func own() *regexp.Regexp {
	return regexp.MustCompile(`^/etc/(ssh/|machine-id|provision-lab|\.pwd\.lock|.*-$|ld\.so\.cache|mtab)|/var/lib/provision/(ledger|history|snapshots|saved|agent|digests|blobs/received$)`)
}

func ownContent() *regexp.Regexp {
	return regexp.MustCompile(`/pki/|encryption\.yaml$|/var/lib/provision/|^/etc/networks$`)
}

func (c *cluster) tree(t *testing.T, host string, s snapshot) {
	t.Helper()
	folders := append(watched(), c.disks...)
	skip, secret := own(), ownContent()
	list := c.on(t, host, append(append([]string{"find"}, folders...), "-xdev", "-printf", `%p\t%y %m %U:%G %l\n`)...)
	for line := range strings.SplitSeq(list, "\n") {
		path, meta, _ := strings.Cut(line, "\t")
		// kubelet names each client certificate after the time of its making.
		if skip.MatchString(path) || strings.Contains(path, "/kubelet-client-2") {
			continue
		}
		if strings.Contains(path, "kubelet-client-current") {
			meta = "link"
		}
		s[host+" "+path] = meta
	}
	sums := c.on(t, host, append(append([]string{"find"}, folders...), "-xdev", "-type", "f", "-size", "-1024k", "-exec", "sha256sum", "{}", "+")...)
	for line := range strings.SplitSeq(sums, "\n") {
		sum, path, _ := strings.Cut(line, "  ")
		if _, listed := s[host+" "+path]; listed && !secret.MatchString(path) {
			if path == "/etc/shadow" {
				sum = fmt.Sprintf("%x", sha256.Sum256([]byte(undated(c.on(t, host, "cat", path)))))
			}
			s[host+" "+path] += " " + sum[:12]
		}
	}
}

// undated is /etc/shadow without the days on which passwords were set (shadow(5),
// third field): midnight may come between two clusters.
func undated(shadow string) string {
	return regexp.MustCompile(`(?m)^([^:\n]*:[^:\n]*:)\d+:`).ReplaceAllString(shadow, "$1:")
}

func TestAccountsAreComparedWithoutTheDayTheyWereMade(t *testing.T) {
	made := func(day string) string {
		return "root:*:19000:0:99999:7:::\netcd:!:" + day + ":0:99999:7:::\n"
	}
	assert.Equal(t, undated(made("20779")), undated(made("20780")))
	assert.NotEqual(t, undated(made("20779")), undated(made("20779")+"other:!:20779::::::\n"))
	assert.NotEqual(t, undated("etcd:!:20779::::::\n"), undated("etcd:*:20779::::::\n"))
}

func (c *cluster) units(t *testing.T, host string, s snapshot) {
	t.Helper()
	shown := c.on(t, host, "systemctl", "show", "*.service", "*.timer", "-p", "Id", "-p", "ActiveState", "-p", "SubState", "-p", "UnitFileState", "-p", "FragmentPath")
	for block := range strings.SplitSeq(shown, "\n\n") {
		if !strings.Contains(block, "FragmentPath=/etc/systemd/system/") && !strings.Contains(block, "haproxy") {
			continue
		}
		fields := strings.Fields(block)
		slices.Sort(fields)
		s[host+" unit "+strings.Join(fields, " ")] = "there"
	}
}

// images are those that provision imports; kubelet pulls none here.
func (c *cluster) images(t *testing.T, host string, s snapshot) {
	t.Helper()
	for line := range strings.Lines(c.on(t, host, "/usr/local/bin/ctr", "-n", "k8s.io", "images", "ls")) {
		fields := strings.Fields(line)
		if len(fields) > 3 && strings.Contains(fields[0], "/") {
			s[host+" image "+fields[0]] = fields[2] + " " + fields[len(fields)-1]
		}
	}
}

// kinds are the objects that provision makes or has made.
const kinds = "nodes,namespaces,serviceaccounts,configmaps,services,deployments,daemonsets,poddisruptionbudgets,clusterroles,clusterrolebindings,roles,rolebindings,priorityclasses"

func (a *api) objects(t *testing.T, s snapshot) {
	t.Helper()
	var list struct{ Items []map[string]any }
	a.get(t, &list, "-A", kinds)
	for _, o := range list.Items {
		meta, ok := o["metadata"].(map[string]any)
		require.True(t, ok)
		name, _ := meta["name"].(string)
		if name == "kube-root-ca.crt" || name == "extension-apiserver-authentication" || name == "kube-apiserver-legacy-service-account-token-tracking" {
			continue // these hold the CA, or a date
		}
		delete(o, "status")
		ownTaints(o)
		labels := meta["labels"]
		namespace, _ := meta["namespace"].(string)
		o["metadata"] = labels
		spec, err := json.Marshal(o)
		require.NoError(t, err)
		kind, _ := o["kind"].(string)
		s["object "+kind+" "+namespace+"/"+name] = string(spec)
	}
}

// ownTaints leaves out those that Kubernetes itself puts on a Node, for minutes
// after a disk was full.
func ownTaints(object map[string]any) {
	spec, _ := object["spec"].(map[string]any)
	taints, ok := spec["taints"].([]any)
	if !ok {
		return
	}
	taints = slices.DeleteFunc(taints, func(one any) bool {
		taint, _ := one.(map[string]any)
		key, _ := taint["key"].(string)
		return strings.HasPrefix(key, "node.kubernetes.io/")
	})
	if spec["taints"] = taints; len(taints) == 0 {
		delete(spec, "taints")
	}
}
