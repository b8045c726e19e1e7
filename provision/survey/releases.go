package survey

import (
	"provision/addons"
	"provision/provision/component"
	"provision/provision/component/nodes"
	"provision/provision/resource"
	"provision/provision/resource/release"
)

// releases are the Helm releases of the add-ons, and the images they need.
func (sv *Surveyor) releases(c *component.Cluster) ([]resource.Resource, []component.Image, error) {
	wanted, diagnostics := addons.Wanted(sv.Addons, c)
	if diagnostics.HasErrors() {
		return nil, nil, diagnostics
	}
	var list []resource.Resource
	var images []component.Image
	for _, rel := range wanted {
		images = append(images, rel.Images...)
		values, secrets := release.Reveal(rel.Values)
		r := resource.New(resource.ClusterHost, release.Name, rel.Name, release.Spec{
			Namespace: rel.Namespace, CreateNamespace: rel.CreateNamespace,
			Chart: rel.Chart, Values: values, Hidden: secrets, Timeout: rel.Timeout,
		}).After(component.APIAt(), nodes.PlaceAt())
		for _, needed := range rel.Requires {
			r = r.After(resource.Address{Host: resource.ClusterHost, Kind: release.Name, Name: needed})
		}
		r.Component = rel.Addon
		list = append(list, r)
	}
	return list, images, nil
}
