// Package toys drives clusters with invented members through the façade: a
// component, a pod network and an add-on that no production file knows.
package toys
