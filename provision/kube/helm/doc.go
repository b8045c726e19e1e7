// Package helm installs charts with the Helm SDK through a kube.Client: no
// kubeconfig file, no repository, no plug-in, nothing printed. Waiting is our
// own: by watch, with progress, ended by the caller's context.
package helm
