// Package componenttest makes clusters for the tests of components: values as
// the inventory, the facts and the artifact store would give them.
package componenttest
