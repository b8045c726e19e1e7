//go:build e2e && soak

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
	"provision/test/soak"
)

// The releases before those that are tested.
const (
	olderKubernetes = "1.36.4"
	olderEtcd       = "3.6.5"
)

// upgraded is the result that is committed in test/soak/results.
type upgraded struct {
	soak.Header
	From    string  `json:"from"`
	To      string  `json:"to"`
	Upgrade float64 `json:"upgrade_seconds"`
	Back    float64 `json:"nodes_back_seconds"`
	Acked   int     `json:"acknowledged_writes"`
	Lost    int     `json:"lost_writes"`
	Gap     float64 `json:"longest_gap_seconds"`
	Seconds float64 `json:"seconds"`
}

// TestSoakUpgrade takes five hosts from the minor releases before those that are
// tested to these, by real builds of both, while a pod, a worker and the operator
// write. Then the control plane does not go back, and Nodes do. The older
// programs are built when the store lacks them, which takes a quarter of an hour.
func TestSoakUpgrade(t *testing.T) {
	s := newSuite(t)
	is := tested(t)
	begun := time.Now()
	result := upgraded{Header: begin(t, "upgrade"),
		From: olderKubernetes + ", etcd " + olderEtcd, To: is.Kubernetes() + ", etcd " + is.Etcd()}
	t.Run("a minor release", func(t *testing.T) {
		newer := sample("lab.hcl")
		older := edited(t, newer, `version     = "`+is.Kubernetes()+`"`,
			`version     = "`+olderKubernetes+"\"\n  versions { etcd = \""+olderEtcd+`" }`)
		s.patience = time.Hour
		build := &cluster{suite: s, name: "none", files: []string{older}}
		r := runFor(t, s.patience, build.command(t.Context(), "bundle", "build", older))
		require.Zero(t, r.code, "%s", r.all())
		c := s.boot(t, "soak", older)
		c.apply(t)
		c.runAll(t, olderKubernetes)
		stop := c.writes(t, "n1", inPod+"n2", outside)
		c.files = []string{newer}
		result.Upgrade = c.apply(t).took.Seconds()
		w := stop()
		w.none(t)
		result.Acked, result.Lost, result.Gap = w.Acked, w.Lost, w.Gap.Seconds()
		c.runAll(t, is.Kubernetes())
		c.unchanged(t)
		faults.Record(t, "upgrade-minor", "A serving cluster of five gets the next minor release of Kubernetes and etcd, and not one acknowledged write is lost",
			"from Kubernetes "+result.From+" to "+result.To+" by real builds, while a worker, a pod and the operator write", "%.1f s; %s", result.Upgrade, w)

		c.files = []string{older}
		refused := c.verb(t, "apply", "--yes")
		assert.Equal(t, 1, refused.code, "%s", refused.all())
		assert.Contains(t, refused.all(), "nothing was changed")
		c.files = []string{edited(t, newer, `version     = "`+is.Kubernetes()+`"`,
			`version     = "`+is.Kubernetes()+"\"\n  versions { kubelet = \""+olderKubernetes+`" }`)}
		result.Back = c.apply(t).took.Seconds()
		c.unchanged(t)
		faults.Record(t, "upgrade-minor-back", "The older minor release set back is refused for API servers and etcd with the reason, nothing is changed, and kubelets and kube-proxies alone go back",
			"Kubernetes "+result.To+" set back to "+result.From+", then versions { kubelet = \""+olderKubernetes+"\" }", "refused after %.1f s; Nodes back in %.1f s", refused.took.Seconds(), result.Back)
	})
	t.Run("a patch release and back", s.patchAndBack)
	result.Seconds, result.Passed = time.Since(begun).Seconds(), !t.Failed()
	keep(t, result.Journey, result)
}

// patchAndBack brings newer patch releases, by stamped builds, and takes them back.
func (s *suite) patchAndBack(t *testing.T) {
	c := s.patched(t)
	c.apply(t)
	c.runAll(t, newerKubernetes)
	stop := c.writes(t, "n1", outside)
	c.files = []string{sample("lab.hcl")}
	back := c.apply(t)
	w := stop()
	w.none(t)
	c.seconds(t, "all five hosts back to the older release", back.took)
	c.runAll(t, tested(t).Kubernetes())
	c.unchanged(t)
	faults.Record(t, "upgrade-back", "Setting the older patch release back takes the cluster there, and not one acknowledged write is lost",
		"versions of Kubernetes and etcd set back, then apply, while a worker and the operator write", "%.1f s; %s", back.took.Seconds(), w)
}
