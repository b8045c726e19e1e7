// Package safety refuses inventories that would break a running cluster in a way
// that no later apply fixes: addresses that are not the hosts', etcd data that
// would be lost, members and masters that the cluster cannot do without. It only
// compares the inventory with what hosts say of themselves, and is pure.
package safety
