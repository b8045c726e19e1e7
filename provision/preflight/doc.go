// Package preflight judges whether hosts are fit to become a cluster: facts and
// measurements go in, findings with remedies come out. It also chooses which
// hosts try to reach which others. It is pure; package provision has the
// measurements made. It imports contracts (inventory, facts, component, the
// agent's protocol as data) only.
package preflight
