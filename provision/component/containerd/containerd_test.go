package containerd_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/component/componenttest"
	"provision/provision/component/containerd"
	"provision/provision/resource"
	"provision/provision/resource/file"
	"provision/provision/resource/image"
	"provision/provision/secret"
)

func desired(t *testing.T, c *component.Cluster) (files map[string]string, images []resource.Resource) {
	t.Helper()
	list, err := containerd.New().Desired(c, c.Inventory.Hosts[0])
	require.NoError(t, err)
	files = map[string]string{}
	for _, r := range list {
		switch r.Address.Kind {
		case file.Kind:
			var spec file.Spec
			require.NoError(t, json.Unmarshal(r.Spec, &spec))
			files[r.Address.Name] = spec.Content
			if !spec.Secret.Empty() {
				files[r.Address.Name] = fmt.Sprintf("secret %#o: %s", spec.Attr.Mode, spec.Secret.Reveal())
			}
		case image.Kind:
			images = append(images, r)
		}
	}
	return files, images
}

func TestSettingsOfTheHost(t *testing.T) {
	c := componenttest.Single()
	files, _ := desired(t, c)
	config := files["/etc/containerd/config.toml"]
	assert.Contains(t, config, "SystemdCgroup = true")
	assert.Contains(t, config, "oom_score = -999")
	assert.Contains(t, config, `sandbox = "registry.k8s.io/pause:3.10.2"`)

	c.Inventory.Kubernetes.CgroupDriver = "cgroupfs"
	c.Inventory.Kubernetes.RestrictOOMScoreAdj = true
	files, _ = desired(t, c)
	config = files["/etc/containerd/config.toml"]
	assert.Contains(t, config, "SystemdCgroup = false")
	assert.Contains(t, config, "restrict_oom_score_adj = true")
	assert.Contains(t, config, "oom_score = 0")
}

func TestMirrors(t *testing.T) {
	c := componenttest.Single()
	c.Inventory.Kubernetes.RegistryMirrors = map[string][]string{
		"docker.io": {"mirror.example.org:5000", "http://10.0.0.9"},
		"*":         {"https://all.example.org"},
	}
	files, _ := desired(t, c)
	assert.Equal(t, `server = "https://registry-1.docker.io"

[host."https://mirror.example.org:5000"]
  capabilities = ["pull", "resolve"]

[host."http://10.0.0.9"]
  capabilities = ["pull", "resolve"]
`, files["/etc/containerd/certs.d/docker.io/hosts.toml"])
	assert.Equal(t, `
[host."https://all.example.org"]
  capabilities = ["pull", "resolve"]
`, files["/etc/containerd/certs.d/_default/hosts.toml"])
}

func TestLoginsOfMirrorsAreSecret(t *testing.T) {
	c := componenttest.Single()
	c.Inventory.Kubernetes.RegistryMirrors = map[string][]string{
		"docker.io": {"https://open.example.org", "mirror.example.org"}, "*": {"https://open.example.org"},
	}
	c.Inventory.Kubernetes.RegistryAuth = map[string]secret.Value{"mirror.example.org": secret.New("robot:hunter2")}
	files, _ := desired(t, c)
	assert.Equal(t, `secret 0600: server = "https://registry-1.docker.io"

[host."https://open.example.org"]
  capabilities = ["pull", "resolve"]

[host."https://mirror.example.org"]
  capabilities = ["pull", "resolve"]
  [host."https://mirror.example.org".header]
    Authorization = "Basic cm9ib3Q6aHVudGVyMg=="
`, files["/etc/containerd/certs.d/docker.io/hosts.toml"])
	assert.NotContains(t, files["/etc/containerd/certs.d/_default/hosts.toml"], "secret", "it holds no login")
}

func TestImagesFollowTheDaemon(t *testing.T) {
	c := componenttest.Single()
	_, images := desired(t, c)
	var names []string
	for _, r := range images {
		names = append(names, r.Address.Name)
		assert.Contains(t, r.Requires, component.UnitAt("all", containerd.Unit))
		assert.Len(t, r.Blobs, 1)
	}
	assert.Equal(t, []string{"registry.k8s.io/pause:3.10.2", "registry.k8s.io/coredns:1.14.0"}, names)
	assert.Contains(t, containerd.New().Artifacts(c), bundle.Ref{Name: "image-coredns", Version: "1.14.0", Arch: "amd64"})
}

// An image lies, and is pulled, only where its pods may run.
func TestAHostHoldsOnlyWhatItsPodsMayRun(t *testing.T) {
	c := componenttest.Single()
	c.Images = []component.Image{
		{Name: "image-controller", Version: "1", Pods: component.Pods{Selector: map[string]string{"node-role.kubernetes.io/control-plane": ""}, Tolerations: []component.Toleration{{}}}},
		{Name: "image-disks", Version: "1", Pods: component.Pods{Selector: map[string]string{"disk": "ssd"}}},
	}
	names := func() (out []string) {
		_, images := desired(t, c)
		for _, r := range images {
			out = append(out, r.Address.Name)
		}
		return out
	}
	assert.Equal(t, []string{"registry.k8s.io/pause:3.10.2", "registry.k8s.io/controller:1"}, names())
	disks := bundle.Ref{Name: "image-disks", Version: "1", Arch: "amd64"}
	assert.NotContains(t, containerd.New().Artifacts(c), disks)

	c.Inventory.Hosts[0].Labels = map[string]string{"disk": "ssd"}
	assert.Equal(t, []string{"registry.k8s.io/pause:3.10.2", "registry.k8s.io/controller:1", "registry.k8s.io/disks:1"}, names())
	assert.Contains(t, containerd.New().Artifacts(c), disks)
}
