package provision

import (
	"context"

	"provision/network/routes"
	"provision/provision/access"
	"provision/provision/checkup"
	"provision/provision/examine"
	"provision/provision/history"
	"provision/provision/inventory"
	"provision/provision/status"
	"provision/provision/support"
)

func (o *Operator) reader() *checkup.Reader {
	return &checkup.Reader{Fleet: o.fleet, Keys: o.keys, API: o.api, Components: o.surveyor.Components, Store: o.surveyor.Store, Compare: o.surveyor.CompareOne}
}

// Status asks hosts, etcd and the API. Nothing is changed.
func (o *Operator) Status(ctx context.Context) (*status.Status, error) {
	return (&status.Reader{Reader: o.reader()}).Status(ctx)
}

// Certificates asks hosts, or all, for their certificates. It needs neither API
// nor etcd, and changes nothing.
func (o *Operator) Certificates(ctx context.Context, hosts ...string) (*status.Certificates, error) {
	return (&status.Reader{Reader: o.reader()}).Certificates(ctx, hosts...)
}

// Doctor looks for what is wrong with the cluster, or with some of its hosts,
// and why. It needs nothing to work but hosts that answer; nothing is changed.
func (o *Operator) Doctor(ctx context.Context, hosts ...string) (*checkup.Diagnosis, error) {
	return o.reader().Diagnose(ctx, hosts...)
}

// Support puts into an archive what hosts and the cluster tell of themselves.
// Hosts that do not answer are noted and returned.
func (o *Operator) Support(ctx context.Context, a *support.Archive, lines int) (silent []string, err error) {
	return (&support.Reader{Reader: o.reader()}).Gather(ctx, a, lines)
}

// Preflight examines all hosts in one pass. Nothing is changed on any host but
// that the agent is put there. full tries all hosts with all others.
func (o *Operator) Preflight(ctx context.Context, full bool) (*examine.Preflight, error) {
	return o.surveyor.Examiner().Preflight(ctx, full)
}

// Access makes credentials for the operator.
func (o *Operator) Access(ctx context.Context) (*access.Access, error) {
	return o.access.Kubectl(ctx)
}

// History asks masters and etcd hosts, and no others. Nothing is changed.
func (o *Operator) History(ctx context.Context) (*history.History, error) {
	return (&history.Reader{Fleet: o.fleet}).History(ctx)
}

// PodNodes asks masters and etcd hosts which pod range each Node has.
func (o *Operator) PodNodes(ctx context.Context) ([]routes.Node, error) { return o.fleet.PodNodes(ctx) }

// Steps are the steps of a run's plan.
func (o *Operator) Steps(ctx context.Context, h *history.History, r history.Run) ([]history.Step, error) {
	return (&history.Reader{Fleet: o.fleet}).Steps(ctx, h, r)
}

// Sources are the inventory of a run, as it was written.
func (o *Operator) Sources(ctx context.Context, h *history.History, r history.Run) (history.Sources, error) {
	return (&history.Reader{Fleet: o.fleet}).Sources(ctx, h, r)
}

// WayBack compares the operator's inventory, which is that of today, with the one
// of a run.
func (o *Operator) WayBack(ctx context.Context, then *inventory.Inventory, r history.Run) history.Way {
	o.keys.LearnDigestKey(ctx)
	return history.WayBack(o.fleet.Inventory, then, r, o.keys.Keyed())
}
