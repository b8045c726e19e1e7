package archive

// Kind is the kind's name in addresses; the name of a resource is the folder
// that the archive is unpacked into and that it owns alone.
const Kind = "archive"

// Spec is a tar.zst blob unpacked into <name>.<sha256[:12]> next to the final
// name, which is then switched to it (a symbolic link, replaced by rename).
// Entries that leave the folder, devices and setuid bits are refused.
type Spec struct {
	SHA256 string `json:"sha256"`
}
