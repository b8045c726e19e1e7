package plan

import (
	"testing"

	"github.com/stretchr/testify/require"

	"provision/provision/resource"
)

func TestDepthsFollowTheCriticalPath(t *testing.T) {
	at := func(name string) resource.Address { return resource.Address{Host: "a", Kind: "unit", Name: name} }
	p := &Plan{Steps: []Step{
		{Address: at("kubelet"), Requires: []resource.Address{at("node")}},
		{Address: at("etcd")},
		{Address: at("api"), Requires: []resource.Address{at("etcd")}},
		{Address: at("gate"), Of: []resource.Address{at("api")}},
		{Address: at("node"), Requires: []resource.Address{at("gate")}},
		{Address: at("aside")},
	}}
	depths := p.Depths()
	require.Equal(t, 4, depths[at("etcd")])
	require.Equal(t, 3, depths[at("api")])
	require.Equal(t, 0, depths[at("kubelet")])
	require.Equal(t, 0, depths[at("aside")])
}
