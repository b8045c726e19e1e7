package object

import (
	"provision/provision/resource"
	"provision/provision/resource/internal/manifest"
)

// Diff lists the fields of the manifest that the live object does not have.
func (Kind) Diff(_ string, want Spec, have State) []resource.Change {
	if have.Object == nil {
		return []resource.Change{{Field: "object", New: "created", Create: true}}
	}
	changes := manifest.Compare("", want.Object, have.Object)
	if len(changes) > 0 {
		return changes
	}
	old := asMap(asMap(have.Object["metadata"])["annotations"])[DigestAnnotation]
	if fresh := digest(want.Object); old != fresh {
		// Every field is as wanted, but others may have been dropped.
		return []resource.Change{{Field: "manifest", Old: manifest.Short(old), New: manifest.Short(fresh)}}
	}
	return nil
}
