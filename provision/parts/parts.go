package parts

import (
	"provision/addons"
	addonlist "provision/addons/catalogue"
	"provision/provision/component"
	"provision/provision/component/components"
	"provision/provision/inventory"
)

// All are the parts of the lists that ship with provision.
func All() []inventory.Part { return Of(components.All(), addonlist.All()) }

// Of are the parts of other lists.
func Of(all []component.Component, kinds []addons.Addon) []inventory.Part {
	list := make([]inventory.Part, 0, len(all)+len(kinds))
	for _, c := range all {
		list = append(list, c)
	}
	for _, kind := range kinds {
		list = append(list, kind)
	}
	return list
}
