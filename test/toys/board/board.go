package board

import (
	"embed"
	"io/fs"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"

	"provision/addons/release"
	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/component"
	"provision/provision/inventory"
	"provision/provision/secret"
)

//go:embed all:chart
var chart embed.FS

// Config are the settings of a block.
type Config struct {
	Notice string `hcl:"notice" doc:"What stands on it."`
	Rack   string `hcl:"rack,optional" doc:"Rack of the Nodes that its pods may run on; any when not given."`
	Code   string `hcl:"code,optional" secret:"true" doc:"What opens it; from a sensitive variable only."`
}

// Addon implements addons.Addon.
type Addon struct{}

// Row is its image in the bundle's catalogue; its family is versions { board }.
func Row() catalogue.Entry {
	return catalogue.Entry{Name: "image-board", Format: bundle.OCI, Family: "board", Default: "0.3.0",
		Image: &catalogue.ImageSource{Reference: "board.example/board:{version}"}}
}

func (Addon) Name() string { return "board" }

func (Addon) Requires() []string { return []string{"coredns"} }

// Default: without a block there is none.
func (Addon) Default() bool { return false }

// Several: addon "board" "NAME" { }.
func (Addon) Several() bool { return true }

func (Addon) Block() any { return Config{} }

func (Addon) Decode(body hcl.Body) (any, hcl.Diagnostics) {
	var given Config
	problems := gohcl.DecodeBody(body, nil, &given)
	return given, problems
}

func (Addon) Releases(c *component.Cluster, instance inventory.Addon) ([]release.Release, error) {
	given := instance.Config.(Config)
	folder, err := fs.Sub(chart, "chart")
	if err != nil {
		return nil, err
	}
	files, err := release.Files(folder)
	if err != nil {
		return nil, err
	}
	version, err := c.Inventory.Version("image-board")
	if err != nil {
		return nil, err
	}
	pods, values := component.Pods{}, map[string]any{"image": "board.example/board:" + version, "notice": given.Notice, "code": secret.New(given.Code)}
	if given.Rack != "" {
		pods.Selector = map[string]string{"topology.provision/rack": given.Rack}
		values["nodeSelector"] = map[string]any{"topology.provision/rack": given.Rack}
	}
	return []release.Release{{
		Name: instance.Release(), Namespace: "boards", CreateNamespace: true, Chart: files, Values: values,
		Images: []component.Image{{Name: "image-board", Version: version, Pods: pods}},
	}}, nil
}
