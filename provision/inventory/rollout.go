package inventory

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
)

func rolloutSpec() *blockSpec {
	return &blockSpec{
		Name: "rollout", Doc: "How changes that need empty Nodes, such as new versions, are rolled out: masters and etcd hosts one by one, then the canaries, then the other workers in waves. Each Node is drained before and uncordoned after.",
		Attrs: []attrSpec{
			{Name: "max_unavailable", Kind: shareKind(), Default: `"1"`, Doc: "Workers changed at once: a number, or a share of all workers such as `\"10%\"`, rounded down; at least one."},
			{Name: "canary", Kind: whole("number", 0, 1000), Default: "1", Doc: "Workers that are changed together before all others."},
			{Name: "drain_timeout", Kind: timeoutKind(), Default: `"5m"`, Doc: "How long pods may take to leave a Node, PodDisruptionBudgets respected. Afterwards the rollout stops."},
			{Name: "evict_unmanaged", Kind: boolKind(), Default: "false", Doc: "Also evict pods without a controller. Nothing recreates them, so by default they stop the rollout."},
		},
	}
}

func bindRollout(n *node) Rollout {
	return Rollout{MaxUnavailable: n.str("max_unavailable"), Canary: int(n.num("canary")),
		DrainTimeout: n.duration("drain_timeout"), EvictUnmanaged: n.flag("evict_unmanaged")}
}

// shareKind is a count, or a percentage. A number is taken as well as text.
func shareKind() kind {
	return kind{Name: "number or percentage", Type: cty.String, Check: func(v cty.Value) error {
		_, _, err := parseShare(v.AsString())
		return err
	}}
}

// timeoutKind is a duration that is not nothing.
func timeoutKind() kind {
	return of("duration", func(s string) error { _, err := parseDuration(s, time.Second, 24*time.Hour); return err })
}

func parseShare(text string) (count int, percent bool, err error) {
	number, percent := strings.CutSuffix(text, "%")
	count, err = strconv.Atoi(number)
	switch {
	case err != nil || strings.HasPrefix(number, "+"):
		return 0, percent, fmt.Errorf("%s is neither a number nor a percentage such as \"10%%\"", quote(text))
	case count < 1:
		return 0, percent, errors.New("at least one host must be changed at a time")
	case percent && count > 100:
		return 0, percent, errors.New("a percentage is at most 100%")
	}
	return count, percent, nil
}

// AtOnce is how many of so many workers are changed at once.
func (r Rollout) AtOnce(workers int) int {
	count, percent, err := parseShare(r.MaxUnavailable)
	if err != nil {
		return 1 // of an inventory that was not loaded
	}
	if percent {
		count = workers * count / 100
	}
	return max(count, 1)
}
