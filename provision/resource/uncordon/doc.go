// Package uncordon is the kind "uncordon": a Node that provision cordoned takes
// pods again. The resource's name is the Node's. A Node that a person cordoned
// stays as it is.
package uncordon
