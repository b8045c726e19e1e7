package cluster

import (
	"context"
	"time"
)

// Pod names a pod.
type Pod struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// String is NAMESPACE/NAME.
func (p Pod) String() string { return p.Namespace + "/" + p.Name }

// Drain says how to empty a Node.
type Drain struct {
	// Unmanaged evicts pods without a controller, too: nobody makes them again.
	Unmanaged bool
	// Timeout bounds the wait for all pods to end; 0 is no bound but ctx.
	Timeout time.Duration
	// Progress is told which pods are waited for. May be nil.
	Progress func(text string)
}

// Pods empties Nodes.
type Pods interface {
	// Evictable lists the pods that a drain of the Node evicts, and those among
	// them that have no controller. Pods of DaemonSets and static pods stay.
	Evictable(ctx context.Context, node string) (pods, unmanaged []Pod, err error)
	// Drain evicts them, as PodDisruptionBudgets allow, and returns when all
	// are gone. Contents of emptyDir volumes go with their pods.
	Drain(ctx context.Context, node string, how Drain) error
}
