package measure

import (
	"fmt"
	"path"
	"strconv"

	"golang.org/x/sys/unix"

	"provision/provision/agent/api"
	"provision/provision/internal/system"
)

// existing is the folder itself, or the nearest above it that exists.
func existing(files system.Files, folder string) string {
	for folder = path.Clean("/" + folder); folder != "/"; folder = path.Dir(folder) {
		if info, err := files.Lstat(folder + "/."); err == nil && info.Type == "directory" {
			break
		}
	}
	return folder
}

// Space is the file system on which a folder lies or will lie.
func Space(files system.Files, folder string) api.Space {
	d := api.Space{Path: folder}
	here := files.Path(existing(files, folder))
	var info unix.Statfs_t
	var stat unix.Stat_t
	err := unix.Statfs(here, &info)
	if err == nil {
		err = unix.Stat(here, &stat)
	}
	if err != nil {
		d.Error = err.Error()
		return d
	}
	block := info.Bsize
	d.Device = strconv.FormatUint(stat.Dev, 10)
	d.Type = fsType(info.Type)
	d.Total, d.Free = int64(info.Blocks)*block, int64(info.Bavail)*block
	d.Inodes, d.InodeFree = int64(info.Files), int64(info.Ffree)
	d.ReadOnly = info.Flags&unix.ST_RDONLY != 0
	return d
}

func fsType(magic int64) string {
	switch magic & 0xffffffff {
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlay"
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	case unix.RAMFS_MAGIC:
		return "ramfs"
	case unix.NFS_SUPER_MAGIC:
		return "nfs"
	case 0xff534d42, unix.SMB2_SUPER_MAGIC, unix.SMB_SUPER_MAGIC:
		return "cifs"
	case unix.FUSE_SUPER_MAGIC:
		return "fuse"
	case 0x2fc12fc1:
		return "zfs"
	}
	return fmt.Sprintf("%#x", magic&0xffffffff)
}
