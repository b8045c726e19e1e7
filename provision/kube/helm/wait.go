package helm

import (
	"context"
	"fmt"
	"sync"
	"time"

	helmkube "helm.sh/helm/v4/pkg/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/resource"

	"provision/provision/kube"
)

// waitingClient is Helm's client with our waiter for what charts install.
// Helm's own waiter is kept for hooks and deletions, where it watches too.
type waitingClient struct {
	*helmkube.Client
	ctx      context.Context
	kube     *kube.Client
	progress func(string)
	timeout  time.Duration
}

// GetWaiter implements helmkube.Interface.
func (c *waitingClient) GetWaiter(strategy helmkube.WaitStrategy) (helmkube.Waiter, error) {
	return c.GetWaiterWithOptions(strategy)
}

// GetWaiterWithOptions implements helmkube.InterfaceWaitOptions.
func (c *waitingClient) GetWaiterWithOptions(strategy helmkube.WaitStrategy, options ...helmkube.WaitOption) (helmkube.Waiter, error) {
	inner, err := c.Client.GetWaiterWithOptions(strategy, append(options, helmkube.WithWaitContext(c.ctx))...)
	if err != nil || strategy == helmkube.HookOnlyStrategy {
		return inner, err
	}
	return &waiter{Waiter: inner, client: c}, nil
}

type waiter struct {
	helmkube.Waiter
	client *waitingClient
}

// Wait waits for workloads to be available. Other kinds are ready once they
// are written: nothing of a cold start is spent on looking at them.
func (w *waiter) Wait(resources helmkube.ResourceList, timeout time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(w.client.ctx, timeout, fmt.Errorf("not ready within %s", timeout))
	defer cancel()
	var (
		group    sync.WaitGroup
		mutex    sync.Mutex
		failures []error
	)
	for _, info := range resources {
		if !isWorkload(info) {
			continue
		}
		group.Go(func() {
			if err := w.await(ctx, info); err != nil {
				mutex.Lock()
				defer mutex.Unlock()
				failures = append(failures, err)
				cancel()
			}
		})
	}
	group.Wait()
	if len(failures) > 0 {
		return failures[0] // the others follow from the cancel
	}
	return nil
}

// WaitWithJobs implements helmkube.Waiter. Jobs are workloads to Wait.
func (w *waiter) WaitWithJobs(resources helmkube.ResourceList, timeout time.Duration) error {
	return w.Wait(resources, timeout)
}

func isWorkload(info *resource.Info) bool {
	switch info.Mapping.GroupVersionKind.GroupKind().String() {
	case "Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "Job.batch", "CustomResourceDefinition.apiextensions.k8s.io":
		return true
	}
	return false
}

func (w *waiter) await(ctx context.Context, info *resource.Info) error {
	kind := info.Mapping.GroupVersionKind.Kind
	last := "it is not there"
	scope := kube.Scope{Resource: info.Mapping.Resource, Namespace: info.Namespace, FieldSelector: "metadata.name=" + info.Name}
	err := w.client.kube.Watch(ctx, scope, func(object *unstructured.Unstructured, gone bool) (bool, error) {
		if gone {
			return false, fmt.Errorf("%s %s was deleted by somebody else", kind, info.Name)
		}
		ready, state, err := available(object)
		if state != last && !ready && w.client.progress != nil {
			w.client.progress(fmt.Sprintf("%s %s: %s", kind, info.Name, state))
		}
		last = state
		return ready, err
	})
	if err != nil {
		return fmt.Errorf("waiting for %s %s in %s (%s): %w", kind, info.Name, info.Namespace, last, err)
	}
	return nil
}
