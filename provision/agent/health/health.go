package health

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"provision/provision/agent/api"
	"provision/provision/agent/hostfacts"
	"provision/provision/agent/measure"
	"provision/provision/internal/ledger"
	"provision/provision/internal/system"
)

// lookers bounds how much is looked at at once.
const lookers = 8

// healthTime bounds one look at a host: a disk that hangs must not hang the
// operator.
const healthTime = 20 * time.Second

// Host looks at the host that it runs on.
type Host struct {
	Sys *system.System
	// State is what the ledger says.
	State func() (ledger.State, error)
	// Allowed refuses addresses that are not the host's or the cluster's.
	Allowed func(netip.Addr) error
}

// Health looks at units, programs, certificates, disks and ports. What cannot
// be looked at says so in its place; only a wrong question is an error.
func (h *Host) Health(ctx context.Context, params api.HealthParams) (api.HealthResult, error) {
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	for _, name := range params.Units {
		if !unitName(name) {
			return api.HealthResult{}, api.BadRequest("%q is no unit name", name)
		}
	}
	result := api.HealthResult{
		Clock: h.Sys.Now().UTC(), Units: make([]api.Unit, len(params.Units)),
		Files: make([]api.File, len(params.Files)), Certs: make([]api.Cert, len(params.Certs)),
	}
	group := new(errgroup.Group)
	group.SetLimit(lookers)
	for i, name := range params.Units {
		group.Go(func() error { result.Units[i] = h.unitHealth(ctx, name, params.Lines); return nil })
	}
	for i, path := range params.Files {
		group.Go(func() error { result.Files[i] = fileHealth(h.Sys.Files, path); return nil })
	}
	for i, path := range params.Certs {
		group.Go(func() error { result.Certs[i] = certHealth(h.Sys.Files, path); return nil })
	}
	silent := make([]bool, len(params.Live))
	for i, live := range params.Live {
		group.Go(func() error { silent[i] = h.silent(ctx, live); return nil })
	}
	for _, path := range params.Disks {
		result.Disks = append(result.Disks, measure.Space(h.Sys.Files, path))
	}
	if params.Listeners {
		result.Listeners = measure.Listeners(h.Sys.Files)
	}
	result.Routes = measure.Routes(h.Sys.Files)
	for _, area := range measure.SwapAreas(hostfacts.Text(h.Sys.Files, "/proc/swaps")) {
		result.Swaps = append(result.Swaps, area.Name)
	}
	result.MemoryKiB, _ = strconv.ParseInt(hostfacts.Field(hostfacts.Text(h.Sys.Files, "/proc/meminfo"), "MemAvailable"), 10, 64)
	if holder := ledger.Held(h.Sys.Files.Path(system.LedgerDir), hostfacts.Text(h.Sys.Files, "/proc/locks")); holder != nil {
		result.Lock = &api.Holder{Holder: holder.Name, Since: holder.Since}
	}
	err := group.Wait()
	for i, live := range params.Live {
		if silent[i] {
			result.Silent = append(result.Silent, live.URL)
		}
	}
	return result, err
}

func (h *Host) unitHealth(ctx context.Context, name string, lines int) api.Unit {
	unit := api.Unit{Name: name}
	status, err := h.Sys.Units.Status(ctx, name)
	if err != nil {
		unit.Error = err.Error()
		return unit
	}
	unit.Load, unit.Active, unit.Sub, unit.Enabled = status.LoadState, status.ActiveState, status.SubState, status.UnitFileState
	unit.Since = status.Since
	if strings.HasSuffix(name, ".service") && status.LoadState == "loaded" {
		if service, err := h.Sys.Units.Service(ctx, name); err == nil {
			unit.Restarts, unit.Result = service.Restarts, service.Result
			unit.ExitCode, unit.Killed = service.ExitCode, service.Killed
		}
	}
	unit.DropIns = h.strangers(status.DropIns)
	if lines > 0 && (!unit.Well() || unit.Restarts > 0) {
		log, err := h.Journal(ctx, api.JournalParams{Unit: name, Lines: min(lines, 200)})
		if unit.Log = log.Lines; err != nil {
			unit.Log = []string{err.Error()}
		}
	}
	return unit
}

// strangers are the drop-ins that people made: neither the ledger's nor the
// distribution's.
func (h *Host) strangers(paths []string) []string {
	state, err := h.State()
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(paths), func(path string) bool {
		_, ours := state.Entry("file[" + strconv.Quote(path) + "]")
		return ours || !strings.HasPrefix(path, "/etc/") && !strings.HasPrefix(path, "/run/systemd/system/")
	})
}

func fileHealth(files system.Files, path string) api.File {
	out := api.File{Path: path}
	digest, err := files.Digest(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		out.Error = err.Error()
	}
	out.SHA256 = digest
	return out
}

func certHealth(files system.Files, path string) api.Cert {
	out := api.Cert{Path: path}
	raw, err := files.ReadFile(path)
	if err != nil {
		out.Error = "it cannot be read"
		if errors.Is(err, fs.ErrNotExist) {
			out.Error = "it is missing"
		}
		return out
	}
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		parsed, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			break
		}
		out.Subject, out.Issuer, out.NotAfter = parsed.Subject.String(), parsed.Issuer.String(), parsed.NotAfter.UTC()
		return out
	}
	out.Error = "it is no certificate"
	return out
}
