package systemfake

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// accounts edits the host's passwd and group as the shadow tools do.
func (r *Runner) accounts(argv []string) (string, error) {
	name := argv[len(argv)-1]
	switch argv[0] {
	case "groupadd":
		gid := option(argv, "--gid")
		if gid == "" {
			gid = "990"
		}
		return "", r.editLine("/etc/group", name, func([]string) []string { return []string{name, "x", gid, ""} })
	case "groupdel":
		return "", r.editLine("/etc/group", name, func([]string) []string { return nil })
	case "useradd":
		return "", r.editLine("/etc/passwd", name, func([]string) []string {
			return []string{name, "x", "990", "990", "", option(argv, "--home-dir"), option(argv, "--shell")}
		})
	case "userdel":
		err := r.editLine("/etc/passwd", name, func([]string) []string { return nil })
		if err == nil { // as with USERGROUPS_ENAB
			err = r.editLine("/etc/group", name, func([]string) []string { return nil })
		}
		return "", err
	case "usermod":
		return "", r.usermod(argv, name)
	case "gpasswd":
		return "", r.editLine("/etc/group", name, func(fields []string) []string {
			members := slices.DeleteFunc(strings.Split(fields[3], ","), func(m string) bool { return m == option(argv, "--delete") })
			fields[3] = strings.Join(members, ",")
			return fields
		})
	}
	return "", fmt.Errorf("unknown command %s", argv[0])
}

func (r *Runner) usermod(argv []string, name string) error {
	if groups := option(argv, "--groups"); groups != "" {
		for each := range strings.SplitSeq(groups, ",") {
			err := r.editLine("/etc/group", each, func(fields []string) []string {
				if fields == nil {
					return nil
				}
				fields[3] = strings.Trim(fields[3]+","+name, ",")
				return fields
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	return r.editLine("/etc/passwd", name, func(fields []string) []string {
		if home := option(argv, "--home"); home != "" {
			fields[5] = home
		}
		if shell := option(argv, "--shell"); shell != "" {
			fields[6] = shell
		}
		return fields
	})
}

// editLine replaces the line of name; the change gets nil for a missing line
// and returns nil to have none.
func (r *Runner) editLine(path, name string, change func([]string) []string) error {
	real := filepath.Join(r.root, path)
	content, err := os.ReadFile(real)
	if err != nil {
		return err
	}
	var out []string
	done := false
	add := func(fields []string) {
		done = true
		if fields = change(fields); fields != nil {
			out = append(out, strings.Join(fields, ":")+"\n")
		}
	}
	for line := range strings.Lines(string(content)) {
		if strings.HasPrefix(line, name+":") {
			add(strings.Split(strings.TrimSuffix(line, "\n"), ":"))
			continue
		}
		out = append(out, line)
	}
	if !done {
		add(nil)
	}
	return os.WriteFile(real, []byte(strings.Join(out, "")), 0o644)
}
