package plan

// Router is the service of a network plug-in that gives each host one route to
// the pods of every other, exactly as wide as the other's range. Plug-ins that
// route otherwise have none.
func Router(plugin string) (unit string, ok bool) {
	if plugin == "flannel" {
		return "flanneld.service", true
	}
	return "", false
}
