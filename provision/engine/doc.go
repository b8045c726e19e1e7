// Package engine runs a plan: it starts each step as soon as what it requires
// is done, over all hosts at once, within limits. A failed step stops only
// what depends on it. It knows nothing of SSH, Kubernetes or etcd: those are
// behind the interfaces in Env.
package engine
