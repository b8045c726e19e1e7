package snapshot

import (
	"fmt"
	"strings"

	"provision/provision/internal/system"
	"provision/provision/resource"
)

// AttrChanges compares owner and mode of what is there with what is wanted.
func (s Snapshot) AttrChanges(want system.Attr) []resource.Change {
	if !s.Exists() {
		return nil
	}
	var changes []resource.Change
	if s.Attr.Mode != want.Mode {
		changes = append(changes, resource.Change{Field: "mode", Old: mode(s.Attr.Mode), New: mode(want.Mode)})
	}
	if s.Attr.UID != want.UID || s.Attr.GID != want.GID {
		changes = append(changes, resource.Change{Field: "owner", Old: owner(s.Attr), New: owner(want)})
	}
	return changes
}

// TypeChange says that something other than wanted stands at the path.
func (s Snapshot) TypeChange(want string) []resource.Change {
	if s.Exists() && s.Type != want {
		old := s.Type
		if s.Type == "symlink" {
			old += " to " + s.Target
		}
		return []resource.Change{{Field: "type", Old: old, New: want}}
	}
	return nil
}

func mode(m uint32) string          { return fmt.Sprintf("%#o", m) }
func owner(attr system.Attr) string { return fmt.Sprintf("%d:%d", attr.UID, attr.GID) }

// CheckAttr refuses modes and owners that no file has.
func CheckAttr(attr system.Attr) error {
	if attr.Mode == 0 || attr.Mode > 0o7777 {
		return fmt.Errorf("mode %#o is not between 1 and 07777", attr.Mode)
	}
	if attr.UID < 0 || attr.GID < 0 {
		return fmt.Errorf("owner %s is negative", owner(attr))
	}
	return nil
}

// Short is a digest as people read it.
func Short(sha256 string) string {
	sha256 = strings.TrimPrefix(sha256, "sha256:")
	if len(sha256) > 12 {
		sha256 = sha256[:12]
	}
	if sha256 == "" {
		return ""
	}
	return "sha256:" + sha256
}
