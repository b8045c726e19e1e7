package release

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"provision/provision/cluster"
	"provision/provision/resource"
	"provision/provision/resource/internal/manifest"
	"provision/provision/secret"
)

// Reveal takes the secrets among values out of their wrapping, for a Spec, and
// returns their paths.
func Reveal(values map[string]any) (map[string]any, []string) {
	var secrets []string
	var reveal func(path string, value any) any
	reveal = func(path string, value any) any {
		switch value := value.(type) {
		case secret.Value:
			secrets = append(secrets, path)
			return value.Reveal()
		case map[string]any:
			out := make(map[string]any, len(value))
			for _, key := range slices.Sorted(maps.Keys(value)) {
				out[key] = reveal(join(path, key), value[key])
			}
			return out
		case []any:
			out := make([]any, len(value))
			for i := range value {
				out[i] = reveal(fmt.Sprintf("%s[%d]", path, i), value[i])
			}
			return out
		}
		return value
	}
	if values == nil {
		return nil, nil
	}
	out, _ := reveal("", values).(map[string]any)
	return out, secrets
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// upgraded lists what an upgrade changes: the chart's version, values, and
// fields of objects. There is always something.
func upgraded(want Spec, have State) []resource.Change {
	old, fresh := brief(have.Last.Digest), brief(want.Digest())
	if have.Installed == nil {
		return []resource.Change{{Field: "chart and values", Old: old, New: fresh}}
	}
	var changes []resource.Change
	if name, version := want.version(); name != have.Installed.Chart || version != have.Installed.Version {
		changes = append(changes, resource.Change{Field: "chart", Old: have.Installed.Chart + " " + have.Installed.Version, New: name + " " + version})
	}
	c := comparison{hides: slices.Concat(want.Hidden, have.Installed.Hidden)}
	c.maps("values", want.Values, have.Installed.Values)
	changes = append(append(changes, c.changes...), have.Drift...)
	if len(changes) == 0 {
		return []resource.Change{{Field: "chart and values", Old: old, New: fresh}}
	}
	return changes
}

// version is the chart's, by its Chart.yaml.
func (s Spec) version() (name, version string) {
	var chart struct{ Name, Version string }
	_ = yaml.Unmarshal([]byte(s.Chart["Chart.yaml"]), &chart) // Helm says what is wrong with it
	return chart.Name, chart.Version
}

// comparison collects the differences of values, leaf by leaf.
type comparison struct {
	hides   []string
	changes []resource.Change
}

func (c *comparison) any(path string, want, have any) {
	if wanted, ok := want.(map[string]any); ok {
		if live, ok := have.(map[string]any); ok {
			c.maps(path, wanted, live)
			return
		}
	}
	wanted, isList := want.([]any)
	if live, ok := have.([]any); ok && isList && len(wanted) == len(live) {
		for i := range wanted {
			c.any(fmt.Sprintf("%s[%d]", path, i), wanted[i], live[i])
		}
		return
	}
	if text(want) == text(have) {
		return
	}
	if c.secret(path) {
		c.changes = append(c.changes, hidden(path, want, have))
		return
	}
	c.changes = append(c.changes, resource.Change{Field: path, Old: manifest.Short(have), New: manifest.Short(want)})
}

func (c *comparison) maps(path string, want, have map[string]any) {
	keys := maps.Clone(want)
	if keys == nil {
		keys = map[string]any{}
	}
	maps.Copy(keys, have)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		c.any(join(path, key), want[key], have[key])
	}
}

// secret reports whether a value is secret, or holds or belongs to one that is.
func (c *comparison) secret(path string) bool {
	path = strings.TrimPrefix(path, "values.")
	within := func(inner, outer string) bool {
		rest, ok := strings.CutPrefix(inner, outer)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	}
	return slices.ContainsFunc(c.hides, func(s string) bool { return within(s, path) || within(path, s) })
}

func hidden(path string, want, have any) resource.Change {
	digest := func(value any) string {
		if value == nil {
			return ""
		}
		sum := sha256.Sum256([]byte(text(value)))
		return hex.EncodeToString(sum[:])
	}
	change := resource.Hidden(path, digest(have), digest(want))
	change.Create = false // of a value; the release is there
	return change
}

// text is canonical: the numbers of JSON and of Go have many types.
func text(value any) string {
	raw, err := json.Marshal(value)
	if err != nil {
		return "?"
	}
	return string(raw)
}

// dropped lists objects that a release made, and its chart no longer makes.
func dropped(rendered []cluster.Object, installed *cluster.Installed) []resource.Change {
	if installed == nil {
		return nil
	}
	var changes []resource.Change
	for _, ref := range installed.Objects {
		if !slices.ContainsFunc(rendered, func(o cluster.Object) bool {
			r := refOf(o)
			return r.Kind == ref.Kind && r.Name == ref.Name && r.Namespace == ref.Namespace
		}) {
			changes = append(changes, resource.Change{Field: ref.String(), Old: "there", New: "deleted"})
		}
	}
	return changes
}
