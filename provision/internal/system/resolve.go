package system

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// maxLinks is how many links the kernel follows in one path (path_resolution(7)).
const maxLinks = 40

// Resolve returns a path as the kernel resolves it, for who compares or empties
// what is there. What is missing stays as it is written. A link that another
// than root could have made, or could change, is an error: nothing is followed
// to where an ordinary user points.
func Resolve(files Files, name string) (string, error) {
	rest, here, links := strings.Split(strings.Trim(path.Clean(name), "/"), "/"), "", 0
	for len(rest) > 0 {
		if rest[0] == ".." { // here has no links any more
			here, rest = strings.TrimSuffix(path.Dir(path.Join("/", here)), "/"), rest[1:]
			continue
		}
		next := here + "/" + rest[0]
		info, err := files.Lstat(next)
		if errors.Is(err, fs.ErrNotExist) {
			return path.Join(append([]string{next}, rest[1:]...)...), nil
		}
		if err != nil {
			return "", fmt.Errorf("resolving %s: %w", name, err)
		}
		rest = rest[1:]
		if info.Type != "symlink" {
			here = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("resolving %s: too many links", name)
		}
		if err := trusted(files, path.Join("/", here), next, info); err != nil {
			return "", err
		}
		target, err := files.Readlink(next)
		if err != nil {
			return "", fmt.Errorf("resolving %s: %w", name, err)
		}
		if path.IsAbs(target) {
			here = ""
		}
		rest = slices.DeleteFunc(append(strings.Split(target, "/"), rest...), func(s string) bool { return s == "" || s == "." })
	}
	return path.Join("/", here), nil
}

// trusted refuses links of others than root's, and in folders of others. Root is
// who owns the root folder.
func trusted(files Files, folder, link string, info Info) error {
	root, err := files.Lstat("/.")
	if err != nil {
		return fmt.Errorf("looking at the root folder: %w", err)
	}
	in, err := files.Lstat(folder + "/.")
	if err != nil {
		return fmt.Errorf("looking at %s: %w", folder, err)
	}
	const others = 0o022
	if info.Attr.UID != root.Attr.UID || in.Attr.UID != root.Attr.UID || in.Attr.Mode&others != 0 {
		return fmt.Errorf("not following the link %s: others than root can change it; give it and its folder to root, or put the folder itself there", link)
	}
	return nil
}

// shared are folders whose content is never only that of one folder of ours.
// Nothing below the first few is, either.
func shared() (whole, itself []string) {
	return []string{"/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/usr", StateDir},
		[]string{"/var/lib", "/var/log", "/var/cache", "/var/spool", "/var/tmp", "/var/opt", "/usr/local",
			"/var/lib/etcd", "/var/lib/kubelet", "/var/lib/containerd", "/var/lib/cni"}
}

// Behind is what a path leads to, like Resolve. A link to a folder that holds
// more than what belongs to the path is an error: it is not to be emptied.
func Behind(files Files, name string) (string, error) {
	real, err := Resolve(files, name)
	if err != nil || real == path.Clean(name) {
		return real, err
	}
	refuse := fmt.Errorf("cannot undo what is in %s: it is a link to %s, which holds other things too; empty it by hand, take the link away and run this again", name, real)
	if strings.Count(real, "/") < 2 {
		return "", refuse
	}
	whole, itself := shared()
	for _, folder := range append(whole, itself...) {
		below := slices.Contains(whole, folder) && strings.HasPrefix(real, folder+"/")
		if real == folder || below || strings.HasPrefix(folder, real+"/") {
			return "", refuse
		}
	}
	return real, nil
}
