// Package residue is the resource kind for what programs leave behind when they
// are taken away: processes of pods, mounts, network interfaces, tables of the
// packet filter, folders. Applying it only writes down what to look for;
// restoring it cleans up. Folders that had something in them before the first
// apply are left alone.
package residue
