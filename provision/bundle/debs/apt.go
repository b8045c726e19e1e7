package debs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"provision/provision/bundle/store"
)

// minimalHost is what every host is assumed to have: a minimal system that
// boots and answers SSH.
var minimalHost = []string{
	"?essential", "?priority(required)", "apt", "systemd", "systemd-sysv", "dbus",
	"openssh-server", "sudo", "iproute2",
}

// Apt is an apt state of our own for one release and architecture.
type Apt struct {
	dir, arch string
	suite     suite
	sources   []source
	more      *Repository
	updated   bool
	base      []Package
}

// Repository is an apt repository beside the distribution's own. Its index must
// be signed with its Key (OpenPGP, armored), which vouches for nothing else.
type Repository struct{ URI, Suite, Components, Key string }

// New prepares an apt state in dir, which must be ours alone. more may be nil.
func New(ctx context.Context, dir, codename, arch string, more *Repository) (*Apt, error) {
	s, err := suiteOf(codename)
	if err != nil {
		return nil, err
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return nil, fmt.Errorf("cannot fetch OS packages: no apt-get here; run `provision bundle pull` on a Debian or Ubuntu machine and export, or give a mirror")
	}
	if s.keyring, err = s.findKeyring(ctx, dir, arch); err != nil {
		return nil, err
	}
	a := newApt(ctx, dir, arch, s)
	a.more = more
	return a, a.configure(ctx)
}

func newApt(ctx context.Context, dir, arch string, s suite) *Apt {
	// Which mirrors the operator uses is only a hint: on failure the defaults.
	targets, _ := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI)|$(RELEASE)|$(COMPONENT)").Output()
	return &Apt{dir: dir, arch: arch, suite: s, sources: s.sources(arch, parseTargets(string(targets)))}
}

// Origin is the repository, for records.
func (a *Apt) Origin() string { return a.sources[0].URI + " " + a.suite.codename }

func (a *Apt) configure(ctx context.Context) error {
	for _, sub := range []string{"lists/partial", "cache/archives/partial", "log", "etc"} {
		if err := os.MkdirAll(filepath.Join(a.dir, sub), 0o755); err != nil {
			return fmt.Errorf("preparing apt: %w", err)
		}
	}
	list, err := a.suite.list(a.sources, a.arch)
	if err != nil {
		return err
	}
	dump, err := exec.CommandContext(ctx, "apt-config", "dump").Output()
	if err != nil {
		return fmt.Errorf("reading apt's settings: %w", err)
	}
	files := map[string]string{"status": "", "apt.conf": aptConf(a.dir, a.arch) + transport(string(dump))}
	if a.more != nil {
		key := filepath.Join(a.dir, "etc", "more.asc")
		files["more.asc"] = a.more.Key
		list += line(a.arch, key, source{URI: a.more.URI, Suite: a.more.Suite, Components: a.more.Components})
	}
	files["sources.list"] = list
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(a.dir, "etc", name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("preparing apt: %w", err)
		}
	}
	return nil
}

func aptConf(dir, arch string) string {
	q := func(key, value string) string { return fmt.Sprintf("%s %q;\n", key, value) }
	etc := func(f string) string { return filepath.Join(dir, "etc", f) }
	return q("Dir::Etc::parts", "/dev/null") + q("Dir::Etc::main", "/dev/null") +
		q("Dir::Etc::sourceparts", "/dev/null") + q("Dir::Etc::sourcelist", etc("sources.list")) +
		q("Dir::Etc::preferencesparts", "/dev/null") + q("Dir::Etc::preferences", "/dev/null") +
		q("Dir::Etc::trusted", "/dev/null") + q("Dir::Etc::trustedparts", "/dev/null") +
		q("Dir::State::lists", filepath.Join(dir, "lists")) + q("Dir::State::status", etc("status")) +
		q("Dir::State::extended_states", etc("extended_states")) +
		q("Dir::Cache", filepath.Join(dir, "cache")) + q("Dir::Cache::archives", filepath.Join(dir, "cache", "archives")) +
		q("Dir::Log", filepath.Join(dir, "log")) + q("APT::Architecture", arch) + "APT::Architectures { \"" + arch + "\"; };\n" +
		q("APT::Install-Recommends", "false") + q("APT::Install-Suggests", "false") +
		q("APT::Sandbox::User", "") + q("Acquire::Languages", "none") + q("Acquire::ForceHash", "SHA256") +
		q("Acquire::Retries", "2")
}

// transport keeps how the operator reaches mirrors (proxies, certificates,
// validity of frozen mirrors), and nothing that weakens signatures.
func transport(dump string) string {
	var b strings.Builder
	for _, line := range strings.Split(dump, "\n") {
		for _, prefix := range []string{"Acquire::http::", "Acquire::https::", "Acquire::ForceIPv", "Acquire::Check-Valid-Until", "Acquire::Check-Date", "Dir::Etc::netrc"} {
			if strings.HasPrefix(line, prefix) {
				b.WriteString(line + "\n")
			}
		}
	}
	return b.String()
}

func (a *Apt) run(ctx context.Context, dir string, argv ...string) (string, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "APT_CONFIG="+filepath.Join(a.dir, "etc", "apt.conf"), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		tail := strings.TrimSpace(stderr.String())
		return "", fmt.Errorf("running %s: %w: %s", strings.Join(argv[:2], " "), errors.Join(ctx.Err(), err), tail[max(0, len(tail)-1500):])
	}
	return string(out), nil
}

// Update fetches the signed package lists, once.
func (a *Apt) Update(ctx context.Context) error {
	if a.updated {
		return nil
	}
	if _, err := a.run(ctx, a.dir, "apt-get", "update", "-qq", "-o", "APT::Update::Error-Mode=any"); err != nil {
		return fmt.Errorf("fetching the package lists of %s: %w", a.suite.codename, err)
	}
	a.updated = true
	return nil
}

// Closure lists what a minimal host needs to install the packages.
func (a *Apt) Closure(ctx context.Context, packages ...string) ([]Package, error) {
	if err := a.Update(ctx); err != nil {
		return nil, err
	}
	if a.base == nil {
		base, err := a.uris(ctx, minimalHost)
		if err != nil {
			return nil, err
		}
		a.base = base
	}
	all, err := a.uris(ctx, append(slices.Clone(minimalHost), packages...))
	if err != nil {
		return nil, err
	}
	out := without(all, a.base)
	if len(out) > 0 {
		return out, nil
	}
	// A minimal host has it; a smaller one gets it alone.
	var own []Package
	for _, p := range all {
		for _, name := range packages {
			if p.Name == name {
				own = append(own, p)
			}
		}
	}
	return own, nil
}

// minimalRoot is what a root file system has in any case: its folders, users
// and groups, and the names of protocols.
var minimalRoot = []string{"base-files", "base-passwd", "netbase"}

// Root lists what the packages need where there is nothing, sorted by name:
// the packages of an image's root file system.
func (a *Apt) Root(ctx context.Context, packages ...string) ([]Package, error) {
	if err := a.Update(ctx); err != nil {
		return nil, err
	}
	list, err := a.uris(ctx, append(slices.Clone(minimalRoot), packages...))
	slices.SortFunc(list, func(x, y Package) int { return strings.Compare(x.Name, y.Name) })
	return list, err
}

func (a *Apt) uris(ctx context.Context, packages []string) ([]Package, error) {
	out, err := a.run(ctx, a.dir, append([]string{"apt-get", "install", "-qq", "-y", "--print-uris"}, packages...)...)
	if err != nil {
		return nil, fmt.Errorf("resolving %s for %s: %w", strings.Join(packages, ", "), a.suite.codename, err)
	}
	return parseURIs(out)
}

// Download fetches the packages into dir and compares each with the closure.
func (a *Apt) Download(ctx context.Context, dir string, list []Package) error {
	argv := []string{"apt-get", "download", "-qq"}
	for _, p := range list {
		argv = append(argv, p.Name+"="+p.Version)
	}
	if _, err := a.run(ctx, dir, argv...); err != nil {
		return fmt.Errorf("downloading packages of %s: %w", a.suite.codename, err)
	}
	for _, p := range list {
		sum, size, err := store.HashFile(filepath.Join(dir, p.File))
		if err != nil {
			return err
		}
		if sum != p.SHA256 || size != p.Size {
			return fmt.Errorf("cannot use %s: it has sha256 %s, but the signed list says %s; try another mirror", p.File, sum, p.SHA256)
		}
	}
	return nil
}
