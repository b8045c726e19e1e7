package provision_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/inventory"
	"provision/provision/support"
)

// readers are the verbs that only look.
func readers(t *testing.T) map[string]func(o *provision.Operator) error {
	t.Helper()
	said := func(found any, err error) error {
		if err != nil {
			return err
		}
		return fmt.Errorf("%+v", found)
	}
	return map[string]func(o *provision.Operator) error{
		"doctor": func(o *provision.Operator) error {
			d, err := o.Doctor(t.Context())
			if err == nil && d.Services > 0 {
				return errors.New("services of a wrong target were looked at")
			}
			return said(d, err)
		},
		"preflight": func(o *provision.Operator) error {
			p, err := o.Preflight(t.Context(), false)
			if err == nil && p.Connections > 0 {
				return errors.New("a wrong target was tried")
			}
			return said(p, err)
		},
	}
}

// TestLogsAndSupportAreOfTheRightClusterOnly: both see one host, or collect
// what they can, and still refuse.
func TestLogsAndSupportAreOfTheRightClusterOnly(t *testing.T) {
	f, inv := formed(t, 1)
	other := load(t, "dc2", 1)
	lab := func(o *provision.Options) { o.Lab = "dc1" }
	refused(t, f, names(inv), func() int {
		for _, c := range []struct {
			inv  *inventory.Inventory
			tune func(*provision.Options)
			says string
		}{{other, func(*provision.Options) {}, `cluster "dc1" (`}, {inv, lab, `it is not a host of lab "dc1"`}} {
			o := f.Operator(c.inv, c.tune)
			var out bytes.Buffer
			require.ErrorContains(t, o.Logs(t.Context(), "m1", provision.Log{Unit: "kubelet.service", Lines: 5}, &out), c.says)
			require.Empty(t, out.String())
			require.NoError(t, o.Close())
			o = f.Operator(c.inv, c.tune)
			silent, err := o.Support(t.Context(), support.New(&out, "support", time.Now(), support.NewMask()), 10)
			require.NoError(t, o.Close())
			if err == nil {
				require.Equal(t, names(inv), silent, "no host of a wrong target tells anything")
			} else {
				require.ErrorContains(t, err, c.says)
			}
		}
		return 4
	})
}
