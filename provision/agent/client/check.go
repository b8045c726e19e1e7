package client

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/resource"
)

// Bounds of what an agent may say. They are far above what hosts have, and keep
// nonsense out of everything that is worked out from facts.
const (
	maxText      = 4096
	maxList      = 100_000
	maxCPUs      = 1 << 16
	maxMemoryKiB = 1 << 42
)

var (
	digestName = regexp.MustCompile(`^[0-9a-f]{64}$`)
	idName     = regexp.MustCompile(`^[a-z][a-z0-9-]*\["(?s:.*)"\]$`)
	hexName    = regexp.MustCompile(`^[0-9a-f]*$`)
	memberID   = regexp.MustCompile(`^[1-9a-f][0-9a-f]{0,15}$`)
	archName   = regexp.MustCompile(`^[a-z0-9]{1,32}$`)
)

// errNonsense marks an answer that no agent of ours gives.
var errNonsense = errors.New("its agent's answer makes no sense")

func nonsense(format string, args ...any) error {
	return fmt.Errorf("%w: %s; is this host what it seems? run `provision doctor`, or replace the host", errNonsense, fmt.Sprintf(format, args...))
}

// plainText is text of one line.
func plainText(what, text string) error {
	if len(text) > maxText || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return nonsense("%s is %.60q", what, text)
	}
	return nil
}

// checkFacts refuses facts that no host has.
func checkFacts(h facts.Host, asked []string) error {
	var errs []error
	for _, one := range [][2]string{
		{"hostname", h.Hostname}, {"kernel", h.Kernel}, {"boot id", h.BootID}, {"init", h.Init}, {"container", h.Container}, {"lab", h.Lab}, {"resolver", h.Resolver},
		{"OS id", h.OS.ID}, {"OS version", h.OS.Version}, {"OS codename", h.OS.Codename}, {"OS name", h.OS.Name},
	} {
		errs = append(errs, plainText(one[0], one[1]))
	}
	say := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, nonsense(format, args...))
		}
	}
	say(!hexName.MatchString(h.MachineID) || len(h.MachineID) > 64, "the machine-id is %.80q", h.MachineID)
	say(!archName.MatchString(h.Arch), "the architecture is %.40q", h.Arch)
	say(h.CPUs < 1 || h.CPUs > maxCPUs, "it has %d CPUs", h.CPUs)
	say(h.MemoryKiB < 0 || h.MemoryKiB > maxMemoryKiB, "it has %d KiB of memory", h.MemoryKiB)
	say(h.Cgroup != 1 && h.Cgroup != 2, "its cgroup version is %d", h.Cgroup)
	say(h.Systemd < 0 || h.Systemd > 100_000, "its systemd version is %d", h.Systemd)
	say(h.Resolver != "" && (!path.IsAbs(h.Resolver) || path.Clean(h.Resolver) != h.Resolver), "its resolver file is %.80q", h.Resolver)
	for _, why := range h.NeedsBoot {
		errs = append(errs, plainText("why it needs a boot", why))
	}
	say(len(h.Addresses) > maxList || len(h.NeedsBoot) > maxList || len(h.Blobs) > maxList || len(h.Owned.Resources) > maxList, "it tells of more than %d things", maxList)
	for _, a := range h.Addresses {
		_, err := netip.ParsePrefix(a.CIDR)
		say(err != nil || a.MTU < 0 || a.MTU > 1<<24, "interface %.40q has the address %.80q and MTU %d", a.Interface, a.CIDR, a.MTU)
		errs = append(errs, plainText("interface", a.Interface))
	}
	for _, b := range h.Blobs {
		say(!digestName.MatchString(b), "it has a blob %.80q", b)
	}
	wanted := set(asked)
	for _, p := range h.Present {
		say(!wanted[p], "it tells of %.80q, which was not asked", p)
	}
	if e := h.Etcd; e != nil {
		say(!memberID.MatchString(e.Member) || !memberID.MatchString(e.Cluster), "its etcd data are of member %.40q of cluster %.40q", e.Member, e.Cluster)
	}
	return errors.Join(append(errs, checkOwned(h.Owned))...)
}

// checkOwned looks at what the ledger is said to hold.
func checkOwned(o facts.Owned) error {
	var errs []error
	errs = append(errs, checkResources(o.Resources), checkRestarts(o.Restarts))
	for item, one := range o.Copies {
		errs = append(errs, plainText("item", item), plainText("item", one.Digest))
	}
	for _, id := range []*facts.Identity{o.Identity, o.Pending} {
		if id != nil {
			errs = append(errs, plainText("cluster", id.Cluster), plainText("cluster's UUID", id.UUID), plainText("etcd's cluster id", id.EtcdClusterID))
			if id.UUID == "" {
				errs = append(errs, nonsense("it belongs to a cluster without a UUID"))
			}
		}
	}
	if o.Roster == nil {
		return errors.Join(errs...)
	}
	seen := map[string]bool{}
	for _, h := range o.Roster.Hosts {
		_, err := netip.ParseAddr(h.Address)
		bad := err != nil || h.Port < 0 || h.Port > 65535 || seen[h.Name] || h.Name == ""
		if h.PodCIDR != "" {
			_, err := netip.ParsePrefix(h.PodCIDR)
			bad = bad || err != nil
		}
		if bad {
			errs = append(errs, nonsense("its roster has the host %.40q at %.60q, port %d, pods %.60q", h.Name, h.Address, h.Port, h.PodCIDR))
		}
		seen[h.Name] = true
		errs = append(errs, plainText("roster", h.Name), plainText("roster", h.User), plainText("roster", h.Jump), plainText("roster", strings.Join(h.Roles, ",")), plainText("roster", strings.Join(h.Certs, ",")))
		if h.Reboot != nil {
			errs = append(errs, plainText("roster", h.Reboot.Boot))
		}
	}
	return errors.Join(errs...)
}

func checkResources(list []facts.Resource) error {
	seen := map[string]bool{}
	for _, r := range list {
		if !idName.MatchString(r.ID) || len(r.ID) > maxText || seen[r.ID] {
			return nonsense("its ledger has an entry %.80q", r.ID)
		}
		seen[r.ID] = true
		for unit, action := range r.Triggers {
			if err := errors.Join(plainText("unit", unit), action1(unit, action)); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkRestarts(list map[string]facts.Restart) error {
	for unit, r := range list {
		if err := errors.Join(plainText("unit", unit), action1(unit, r.Action), plainText("cause", r.Cause)); err != nil {
			return err
		}
	}
	return nil
}

func action1(unit, action string) error {
	if action != "restart" && action != "reload" {
		return nonsense("unit %.60q waits for %.40q", unit, action)
	}
	return nil
}

// checkPlan holds a comparison against what was asked: an agent that answers
// about something else, or twice, or not at all, is not believed.
func checkPlan(r api.PlanResult, params api.PlanParams) error {
	asked, blobs := map[string]bool{}, map[string]bool{}
	for _, w := range params.Resources {
		asked[w.Address.ID()] = true
		for _, b := range w.Blobs {
			blobs[b] = true
		}
	}
	if !digestName.MatchString(r.Digest) {
		return nonsense("the digest of what it observed is %.80q", r.Digest)
	}
	seen := map[string]bool{}
	for _, item := range r.Items {
		switch {
		case !asked[item.ID]:
			return nonsense("it compared %.80q, which was not asked", item.ID)
		case seen[item.ID]:
			return nonsense("it compared %.80q twice", item.ID)
		case len(item.Changes) == 0 && item.Error == nil:
			return nonsense("%.80q differs in nothing", item.ID)
		}
		seen[item.ID] = true
	}
	for _, gone := range r.Removed {
		if asked[gone.ID] {
			return nonsense("it would remove %.80q, which is wanted", gone.ID)
		}
	}
	for unit, cause := range r.Unproven {
		if _, err := resource.ParseAddress(cause); err != nil {
			return nonsense("%.80q has the new setting %.80q", unit, cause)
		}
	}
	for digest, have := range r.Missing {
		if !blobs[digest] || have < 0 {
			return nonsense("it lacks the blob %.80q, of which it has %d bytes", digest, have)
		}
	}
	return errors.Join(checkResources(r.Removed), checkRestarts(r.Restarts))
}

func set(list []string) map[string]bool {
	out := make(map[string]bool, len(list))
	for _, s := range list {
		out[s] = true
	}
	return out
}
