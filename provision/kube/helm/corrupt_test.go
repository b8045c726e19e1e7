package helm

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/provision/cluster"
	"provision/test/corrupt"
)

// What a template renders to is read as YAML, whatever it is.
func TestDamagedTemplates(t *testing.T) {
	releases := New(nil)
	corrupt.FeedN(t, 1, 500, func(in []byte) bool {
		objects, err := releases.Render(cluster.Chart{Name: "web", Namespace: "web", Files: map[string]string{
			"Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\n", "templates/x.yaml": string(in)}})
		for _, object := range objects {
			assert.NotEmpty(t, object)
		}
		return err == nil
	}, []byte("kind: A\nmetadata: {name: a}\n---\nkind: B\ndata:\n  text: {{ .Release.Name | quote }}\n"))
}
