package object

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"provision/provision/cluster"
)

// Name is the kind's name in addresses.
const Name = "object"

// DigestAnnotation holds the digest of the manifest that was applied last.
const DigestAnnotation = "provision/manifest"

// Spec is a manifest. The resource's name should be the KIND/NAME or
// KIND/NAMESPACE/NAME that it names; see NameOf.
type Spec struct {
	Object map[string]any `json:"object"`
}

// State is the live object.
type State struct {
	Object map[string]any `json:"object,omitempty"` // nil: there is none
	Ref    cluster.Ref    `json:"ref"`
	// Dropped are the paths of fields that an earlier manifest had.
	Dropped []string `json:"dropped,omitempty"`
}

// NameOf is the resource name of a manifest: KIND/NAME or KIND/NAMESPACE/NAME.
func NameOf(object map[string]any) string {
	ref, err := refOf(object)
	if err != nil {
		return "invalid"
	}
	if ref.Namespace != "" {
		return ref.Kind + "/" + ref.Namespace + "/" + ref.Name
	}
	return ref.Kind + "/" + ref.Name
}

func refOf(object map[string]any) (cluster.Ref, error) {
	var ref cluster.Ref
	ref.APIVersion, _ = object["apiVersion"].(string)
	ref.Kind, _ = object["kind"].(string)
	metadata, _ := object["metadata"].(map[string]any)
	ref.Name, _ = metadata["name"].(string)
	ref.Namespace, _ = metadata["namespace"].(string)
	if ref.APIVersion == "" || ref.Kind == "" || ref.Name == "" {
		return ref, errors.New("a manifest needs apiVersion, kind and metadata.name")
	}
	return ref, nil
}

// Check validates a spec.
func (Kind) Check(_ string, want Spec) error {
	ref, err := refOf(want.Object)
	if err != nil {
		return err
	}
	if _, given := want.Object["status"]; given {
		return fmt.Errorf("manifest of %s has a status; leave it out", ref)
	}
	return nil
}

// digest of a manifest: JSON of maps is canonical, keys are sorted.
func digest(object map[string]any) string {
	raw, err := json.Marshal(object)
	if err != nil {
		return "" // came from JSON: cannot happen
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// applied is the digest of the manifest that was applied last; nil for none.
func applied(object map[string]any) any {
	return asMap(asMap(object["metadata"])["annotations"])[DigestAnnotation]
}

// stamped is a copy of the manifest with its digest in the annotation.
func stamped(object map[string]any) map[string]any {
	out := shallow(object)
	metadata := shallow(asMap(object["metadata"]))
	annotations := shallow(asMap(metadata["annotations"]))
	annotations[DigestAnnotation] = digest(object)
	metadata["annotations"], out["metadata"] = annotations, metadata
	return out
}

func asMap(value any) map[string]any {
	m, _ := value.(map[string]any)
	return m
}

func shallow(m map[string]any) map[string]any {
	out := make(map[string]any, len(m)+1)
	for key, value := range m {
		out[key] = value
	}
	return out
}
