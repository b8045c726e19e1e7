package kube

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/kubectl/pkg/drain"

	"provision/provision/cluster"
)

var _ cluster.Pods = (*Client)(nil)

// evictRetry is how long kubectl's drain waits before it asks again for an
// eviction that a PodDisruptionBudget refused: the API has no event for it.
const evictRetry = time.Second

func (c *Client) drainer(ctx context.Context, how cluster.Drain) (*drain.Helper, error) {
	client, err := kubernetes.NewForConfigAndClient(c.config, c.http)
	if err != nil {
		return nil, fmt.Errorf("preparing the Kubernetes client: %w", err)
	}
	told := &seldom{tell: how.Progress, times: map[string]int{}}
	return &drain.Helper{
		Ctx: ctx, Client: client, Force: how.Unmanaged, GracePeriodSeconds: -1, IgnoreAllDaemonSets: true,
		DeleteEmptyDirData: true, Timeout: how.Timeout, EvictErrorRetryDelay: evictRetry, Out: io.Discard,
		ErrOut: refusals{told},
		OnPodDeletionOrEvictionStarted: func(pod *corev1.Pod, _ bool) {
			told.once(fmt.Sprintf("evicting pod %s/%s from %s", pod.Namespace, pod.Name, pod.Spec.NodeName))
		},
	}, nil
}

// repeated is how many attempts go by before a refusal is told again.
const repeated = 30

// seldom keeps what is said at each attempt from burying all else. Pods are
// evicted side by side.
type seldom struct {
	tell  func(string)
	mu    sync.Mutex
	times map[string]int
}

func (s *seldom) count(text string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times[text]++
	return s.times[text]
}

func (s *seldom) once(text string) {
	if s.tell != nil && s.count(text) == 1 {
		s.tell(text)
	}
}

func (s *seldom) again(text string) {
	if s.tell != nil && s.count(text)%repeated == 1 {
		s.tell(text)
	}
}

// refusals passes on why evictions are not granted yet, a line each.
type refusals struct{ told *seldom }

func (r refusals) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "error when evicting") {
			r.told.again(line)
		}
	}
	return len(p), nil
}

// Evictable implements cluster.Pods.
func (c *Client) Evictable(ctx context.Context, node string) (pods, unmanaged []cluster.Pod, err error) {
	helper, err := c.drainer(ctx, cluster.Drain{Unmanaged: true})
	if err != nil {
		return nil, nil, err
	}
	list, errs := helper.GetPodsForDeletion(node)
	if len(errs) > 0 {
		return nil, nil, fmt.Errorf("listing the pods on Node %s: %w", node, errs[0])
	}
	for _, pod := range list.Pods() {
		named := cluster.Pod{Namespace: pod.Namespace, Name: pod.Name}
		pods = append(pods, named)
		finished := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
		if metav1.GetControllerOf(&pod) == nil && !finished {
			unmanaged = append(unmanaged, named)
		}
	}
	return pods, unmanaged, nil
}

// Drain implements cluster.Pods.
func (c *Client) Drain(ctx context.Context, node string, how cluster.Drain) error {
	helper, err := c.drainer(ctx, how)
	if err != nil {
		return err
	}
	list, errs := helper.GetPodsForDeletion(node)
	if len(errs) > 0 {
		return fmt.Errorf("listing the pods on Node %s: %w", node, errs[0])
	}
	return helper.DeleteOrEvictPods(list.Pods())
}
