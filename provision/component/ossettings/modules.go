package ossettings

import "provision/provision/inventory"

// Modules are the kernel modules that hosts of pods need.
func Modules(inv *inventory.Inventory) []string { return modules(inv) }
