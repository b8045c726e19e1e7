package object

import (
	"strings"

	"provision/provision/cluster"
	"provision/provision/resource"
	"provision/provision/resource/internal/manifest"
)

// Diff lists the fields of the manifest that the live object does not have.
func (Kind) Diff(_ string, want Spec, have State) []resource.Change {
	if have.Object == nil {
		return []resource.Change{{Field: "object", New: "created", Create: true}}
	}
	changes := manifest.Compare("", want.Object, have.Object)
	for _, path := range have.Dropped {
		changes = append(changes, resource.Change{Field: path, Old: manifest.Short(value(have.Object, path))})
	}
	if len(changes) > 0 {
		return hidden(have.Ref, changes)
	}
	old := applied(have.Object)
	if fresh := digest(want.Object); old != fresh {
		// Every field is as wanted, but others may have been dropped.
		return []resource.Change{{Field: "manifest", Old: manifest.Short(old), New: manifest.Short(fresh)}}
	}
	return nil
}

// hidden keeps the contents of Secrets out of sight.
func hidden(ref cluster.Ref, changes []resource.Change) []resource.Change {
	for i, c := range changes {
		if ref.Kind == "Secret" && !strings.HasPrefix(c.Field, "metadata") {
			changes[i].Old, changes[i].New = "(secret)", "(another secret)"
		}
	}
	return changes
}
