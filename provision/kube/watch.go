package kube

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

// Scope selects what Watch follows.
type Scope struct {
	Resource             schema.GroupVersionResource
	Namespace            string // "" for all, or cluster-wide kinds
	FieldSelector, Label string
	// Listed, if set, is shown each whole list, the first and those after a
	// watch broke off; see is shown changes only.
	Listed func(all []unstructured.Unstructured) (done bool)
}

// Watch lists the objects and follows their changes until see says that it is
// done. Deleted objects are shown with gone. When a watch breaks off (a master
// was restarted), it lists again; objects that vanished meanwhile are not shown
// as gone, so see should not count on that alone.
func (c *Client) Watch(ctx context.Context, scope Scope, see func(object *unstructured.Unstructured, gone bool) (done bool, err error)) error {
	pause := 50 * time.Millisecond
	refused := false // although the API was ready
	for {
		done, progress, err := c.watchOnce(ctx, scope, see)
		if done {
			return err
		}
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
			if refused {
				return fmt.Errorf("watching %s: %w", scope.Resource.Resource, err)
			}
			_, unready := c.readyz(ctx) // one that starts does not know yet who may do what
			refused = unready == nil
		}
		if progress {
			pause = 50 * time.Millisecond
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, 2*time.Second)
	}
}

func (c *Client) watchOnce(ctx context.Context, scope Scope, see func(*unstructured.Unstructured, bool) (bool, error)) (done, progress bool, err error) {
	resource := c.dynamic.Resource(scope.Resource).Namespace(scope.Namespace)
	options := metav1.ListOptions{FieldSelector: scope.FieldSelector, LabelSelector: scope.Label}
	list, err := resource.List(ctx, options)
	if err != nil {
		return false, false, err
	}
	if done, err := scope.show(list.Items, see); done || err != nil {
		return true, true, err
	}
	options.ResourceVersion, options.AllowWatchBookmarks = list.GetResourceVersion(), true
	watcher, err := resource.Watch(ctx, options)
	if err != nil {
		return false, true, err
	}
	defer watcher.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, true, context.Cause(ctx)
		case event, open := <-watcher.ResultChan():
			if !open {
				return false, true, errors.New("the watch ended")
			}
			object, ok := event.Object.(*unstructured.Unstructured)
			if event.Type == watch.Error || !ok {
				return false, true, apierrors.FromObject(event.Object)
			}
			if event.Type == watch.Bookmark {
				continue
			}
			if done, err := see(object, event.Type == watch.Deleted); done || err != nil {
				return true, true, err
			}
		}
	}
}

// show shows a whole list.
func (s Scope) show(all []unstructured.Unstructured, see func(*unstructured.Unstructured, bool) (bool, error)) (bool, error) {
	if s.Listed != nil {
		return s.Listed(all), nil
	}
	for i := range all {
		if done, err := see(&all[i], false); done || err != nil {
			return done, err
		}
	}
	return false, nil
}
