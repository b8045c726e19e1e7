package health

import (
	"context"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"provision/provision/agent/api"
	"provision/provision/internal/system"
)

// collectTime bounds each command of a collection.
const collectTime = 10 * time.Second

// collectLimit bounds a file.
const collectLimit = 128 << 10

// collected are the commands that show how a host is set up. None of them
// prints a secret that provision knows of.
func collected() [][]string {
	return [][]string{
		{"df", "-h"}, {"df", "-i"}, {"free", "-m"}, {"uptime"}, {"ps", "-eo", "pid,ppid,user,stat,rss,etime,comm"},
		{"ip", "-brief", "address"}, {"ip", "route", "show", "table", "all"}, {"ip", "rule"}, {"ss", "-tlnp"},
		{"nft", "list", "ruleset"}, {"dmesg", "--level=emerg,alert,crit,err,warn"},
		{"systemctl", "list-units", "--all", "--no-pager", "--plain", "--state=failed,activating,deactivating"},
		{"timedatectl", "show"}, {"lsmod"},
		{"journalctl", "--no-pager", "--quiet", "--output=short-iso", "--priority=err", "--boot", "--lines=200"},
	}
}

// plainFiles are short, public and the same everywhere.
func plainFiles() []string {
	return []string{"/etc/os-release", "/etc/resolv.conf", "/etc/hosts", "/proc/meminfo", "/proc/pressure/io", "/proc/pressure/memory", "/proc/mounts"}
}

// Collect gathers what a helper would ask for. Nothing is changed, and what
// cannot be had says why.
func (h *Host) Collect(ctx context.Context, params api.CollectParams) (api.CollectResult, error) {
	state, err := h.State()
	if err != nil {
		return api.CollectResult{}, err
	}
	files := plainFiles()
	plain := len(files)
	for _, path := range params.Files {
		if _, ours := state.Entry("file[" + strconv.Quote(path) + "]"); !ours {
			return api.CollectResult{}, api.BadRequest("file %q is not one that provision owns here", path)
		}
		files = append(files, path)
	}
	commands := collected()
	items := make([]api.Item, len(commands)+len(files))
	group := new(errgroup.Group)
	group.SetLimit(lookers)
	for i, argv := range commands {
		group.Go(func() error { items[i] = h.output(ctx, argv); return nil })
	}
	for i, path := range files {
		group.Go(func() error { items[len(commands)+i] = h.content(path, i >= plain); return nil })
	}
	err = group.Wait()
	return api.CollectResult{Items: items}, err
}

func (h *Host) output(ctx context.Context, argv []string) api.Item {
	item := api.Item{Name: strings.Join(argv, " ")}
	if h.Sys.Runner.LookPath(argv[0]) == "" {
		item.Error = argv[0] + " is not installed"
		return item
	}
	ctx, cancel := context.WithTimeout(ctx, collectTime)
	defer cancel()
	result, err := h.Sys.Runner.Run(ctx, system.Command{Argv: argv})
	if item.Text = string(result.Stdout); err != nil {
		item.Error = err.Error()
	}
	return item
}

// content is that of a file. One of ours that not everyone may read is left out
// whatever the inventory says of it now: it may hold what an earlier one wanted.
func (h *Host) content(path string, ours bool) api.Item {
	item := api.Item{Name: path}
	if info, err := h.Sys.Files.Lstat(path); ours && err == nil && (info.Type != "file" || info.Mode&0o004 == 0) {
		item.Error = "left out: not a file that everyone may read"
		return item
	}
	raw, err := h.Sys.Files.ReadFile(path)
	if err != nil {
		item.Error = err.Error()
		return item
	}
	if len(raw) > collectLimit {
		raw = append(raw[:collectLimit:collectLimit], "\n[the rest is left out]\n"...)
	}
	item.Text = string(raw)
	return item
}
