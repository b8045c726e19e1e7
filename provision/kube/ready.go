package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// WaitReady waits until the API answers that it is ready. An API that is about
// to start refuses connections and cannot be watched, so it is asked again
// with a short pause; the pause grows while nothing answers.
func (c *Client) WaitReady(ctx context.Context) error {
	const shortest, longest = 20 * time.Millisecond, 500 * time.Millisecond
	pause, last := shortest, error(nil)
	for {
		answered, err := c.readyz(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			last = err
		}
		if answered {
			pause = shortest // it is starting: a matter of moments
		}
		if err := sleep(ctx, pause); err != nil {
			if last == nil {
				last = err
			}
			return fmt.Errorf("cannot reach a ready Kubernetes API: %w; look at \"journalctl -u kube-apiserver\" on a master", last)
		}
		pause = min(pause*3/2, longest)
	}
}

// readyz asks once; answered tells a server that is not ready from none.
func (c *Client) readyz(ctx context.Context) (answered bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	body, err := c.rest.Get().AbsPath("/readyz").Param("verbose", "").MaxRetries(0).Do(ctx).Raw()
	if err == nil {
		return true, nil
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false, err
	}
	if failed := failedChecks(string(body)); failed != "" {
		return true, fmt.Errorf("not ready yet: %s", failed)
	}
	return true, err
}

// failedChecks picks the lines "[-]name failed: reason" of a verbose readyz.
func failedChecks(body string) string {
	var failed []string
	for line := range strings.SplitSeq(body, "\n") {
		if name, ok := strings.CutPrefix(line, "[-]"); ok {
			name, _, _ = strings.Cut(name, " ")
			failed = append(failed, name)
		}
	}
	return strings.Join(failed, ", ")
}

// sleep waits unless the context ends first.
func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
