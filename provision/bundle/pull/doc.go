// Package pull fills a store: it takes each missing artifact from the first
// source that has it (a bundle folder, a mirror, the publisher, a build from
// source, the distribution's packages), checks it and records it. It is the only
// package of the bundle that knows all the others.
package pull
