package lab

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// A service that cannot start holds up the end of a boot; the host is on all
// the same once it answers.
func TestAHostIsOnWhenItAnswers(t *testing.T) {
	never := func(ctx context.Context) error {
		<-ctx.Done()
		return fmt.Errorf("waiting for systemd: %w", ctx.Err())
	}
	ended := errors.New("the host ended")
	refused := errors.New("connection refused")
	for name, c := range map[string]struct {
		ready  func(context.Context) error
		deaf   time.Duration // after the power came, until sshd greets
		took   time.Duration
		errors []error
	}{
		"a boot that ends":                  {ready: func(context.Context) error { return nil }},
		"a boot that ends without sshd":     {ready: func(context.Context) error { return nil }, deaf: time.Hour, errors: []error{refused}},
		"a boot that does not end":          {ready: never, took: time.Minute},
		"sshd that is slower":               {ready: never, deaf: 90 * time.Second, took: 90 * time.Second},
		"neither the end of a boot nor ssh": {ready: never, deaf: time.Hour, took: 2 * time.Minute, errors: []error{context.DeadlineExceeded, refused}},
		"a host that dies":                  {ready: func(context.Context) error { return ended }, errors: []error{ended}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				defer cancel()
				begin := time.Now()
				err := answers(ctx, time.Minute, c.ready, func(context.Context) error {
					if time.Since(begin) < c.deaf {
						return refused
					}
					return nil
				})
				assert.Equal(t, c.took, time.Since(begin))
				if len(c.errors) == 0 {
					assert.NoError(t, err)
				}
				for _, want := range c.errors {
					assert.ErrorIs(t, err, want)
				}
			})
		})
	}
}

func TestUnfinishedUnitsAreRead(t *testing.T) {
	const table = "flanneld.service  loaded activating start        flannel pod network\n" +
		"kubelet.service   loaded activating auto-restart kubelet\n\nhaproxy.service   loaded failed     failed       \n"
	assert.Equal(t, []string{"flanneld.service (activating)", "kubelet.service (activating)", "haproxy.service (failed)"}, unfinished(table))
	assert.Equal(t, []string{}, unfinished(""))
}
