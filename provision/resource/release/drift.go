package release

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"

	"provision/provision/cluster"
	"provision/provision/resource"
	"provision/provision/resource/internal/manifest"
)

// drift compares the objects that the chart makes with those that are there:
// somebody may have edited one, deleted it, or upgraded the release by hand,
// which keeps the label with our digest.
//
// With a release to be upgraded they are compared, too: what differs is what the
// upgrade changes. Where a value is secret no contents are told, for objects may
// have them anywhere.
func drift(ctx context.Context, env *cluster.Env, name string, want Spec, upgrades *cluster.Installed) ([]resource.Change, error) {
	objects, err := env.Releases.Render(want.chart(name))
	if err != nil {
		return nil, fmt.Errorf("rendering release %s: %w", name, err)
	}
	missing, secrets := "deleted", len(want.Hidden) > 0
	if upgrades != nil {
		missing, secrets = "", secrets || len(upgrades.Hidden) > 0
	}
	changes := dropped(objects, upgrades)
	for _, object := range objects {
		ref := refOf(object)
		asked := ref
		if asked.Namespace == "" { // the chart leaves it to Helm, or the kind has none
			asked.Namespace = want.Namespace
		}
		live, err := env.Objects.Get(ctx, asked)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", ref, err)
		}
		if live == nil {
			changes = append(changes, resource.Change{Field: ref.String(), Old: missing, New: "there"})
			continue
		}
		for _, change := range manifest.Compare("", stored(object), live) {
			change.Field = ref.String() + " " + change.Field
			if ref.Kind == "Secret" || secrets {
				change.Old, change.New = "(secret)", "(another secret)"
			}
			changes = append(changes, change)
		}
	}
	return changes, nil
}

// stored is a manifest as the API keeps it: it never tells a Secret's stringData.
func stored(object cluster.Object) map[string]any {
	plain, _ := object["stringData"].(map[string]any)
	if object["kind"] != "Secret" || plain == nil {
		return object
	}
	out, data := maps.Clone(object), map[string]any{}
	if given, ok := object["data"].(map[string]any); ok {
		maps.Copy(data, given)
	}
	for key, value := range plain {
		text, _ := value.(string)
		data[key] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	delete(out, "stringData")
	out["data"] = data
	return out
}

func refOf(object cluster.Object) cluster.Ref {
	var ref cluster.Ref
	ref.APIVersion, _ = object["apiVersion"].(string)
	ref.Kind, _ = object["kind"].(string)
	metadata, _ := object["metadata"].(map[string]any)
	ref.Name, _ = metadata["name"].(string)
	ref.Namespace, _ = metadata["namespace"].(string)
	return ref
}
