// Package access reaches the cluster's own APIs, etcd's and Kubernetes', through
// the sessions with the agents. API is all that is asked of them: there is no
// other door, so that a fake can stand behind every verb.
package access
