package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// review asks whether we may do everything (SelfSubjectAccessReview of
// authorization.k8s.io/v1, which every authenticated user may create).
const review = `{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview",` +
	`"spec":{"resourceAttributes":{"verb":"*","group":"*","resource":"*"}}}`

// Allowed reports whether our certificate administers the cluster.
func (c *Client) Allowed(ctx context.Context) (bool, error) {
	raw, err := c.rest.Post().AbsPath("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews").
		SetHeader("Content-Type", "application/json").Body([]byte(review)).Do(ctx).Raw()
	if err != nil {
		return false, fmt.Errorf("asking what we may do: %w", err)
	}
	var answer struct {
		Status struct {
			Allowed bool `json:"allowed"`
		} `json:"status"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return false, fmt.Errorf("reading what we may do: %w", err)
	}
	return answer.Status.Allowed, nil
}

// WaitAllowed waits until a binding that was just created has reached the
// authorizer of the API server that answers: a matter of milliseconds, which
// nothing announces.
func (c *Client) WaitAllowed(ctx context.Context) error {
	const pause = 10 * time.Millisecond
	for {
		allowed, err := c.Allowed(ctx)
		if err != nil || allowed {
			return err
		}
		if err := sleep(ctx, pause); err != nil {
			return fmt.Errorf("waiting for the right to administer the cluster: %w", err)
		}
	}
}
