package kube

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"
)

// told is an API with ConfigMaps, and what happens to them once it is watched.
type told struct {
	client  *Client
	fake    *fake.FakeDynamicClient
	watches chan *watch.FakeWatcher // one for each watch that was begun
	lists   int
}

func newTold(t *testing.T, objects ...*unstructured.Unstructured) *told {
	t.Helper()
	w := &told{watches: make(chan *watch.FakeWatcher, 8)}
	kinds := map[schema.GroupVersionResource]string{core("configmaps"): "ConfigMapList"}
	w.fake = fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kinds)
	for _, o := range objects {
		w.put(t, o)
	}
	w.fake.PrependReactor("list", "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) {
		w.lists++
		return false, nil, nil
	})
	w.fake.PrependWatchReactor("configmaps", func(clienttesting.Action) (bool, watch.Interface, error) {
		begun := watch.NewFake()
		w.watches <- begun
		return true, begun, nil
	})
	w.client = &Client{dynamic: w.fake}
	return w
}

func (w *told) put(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	require.NoError(t, w.fake.Tracker().Add(o))
}

func configMap(namespace, name, field, text string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"namespace": namespace, "name": name},
		"data":     map[string]any{field: text},
	}}
}

func roots(namespace, text string) *unstructured.Unstructured {
	return configMap(namespace, rootsMap, "ca.crt", text)
}

func wanted() [][]byte { return [][]byte{[]byte("old\n"), []byte("new\n")} }

// waiting runs do, which ends by itself or after a minute.
func waiting(t *testing.T, do func(context.Context) error) <-chan error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	ended := make(chan error, 1)
	go func() {
		defer cancel()
		ended <- do(ctx)
	}()
	return ended
}

func TestRootsArePublishedWhenAllNamespacesHaveThem(t *testing.T) {
	w := newTold(t, roots("a", "old\nnew\n"), roots("b", "old\n"), roots("c", "old\n"))
	ended := waiting(t, func(ctx context.Context) error { return w.client.RootsPublished(ctx, wanted()) })
	begun := <-w.watches
	begun.Modify(roots("b", "new\nold\n"))
	begun.Add(roots("d", "old\n"))
	begun.Delete(roots("d", "old\n"))
	assert.Empty(t, ended, "c is missing")
	begun.Modify(roots("c", "old\nnew\n"))
	require.NoError(t, <-ended)
	assert.Equal(t, 1, w.lists, "changes are watched, not asked for")
}

func TestRootsThatArePublishedNeedNoWatch(t *testing.T) {
	w := newTold(t, roots("a", "old\nnew\n"))
	require.NoError(t, <-waiting(t, func(ctx context.Context) error { return w.client.RootsPublished(ctx, wanted()) }))
	assert.Empty(t, w.watches)
}

func TestNamespacesThatGoWhileNobodyWatchesAreNotWaitedFor(t *testing.T) {
	w := newTold(t, roots("a", "old\nnew\n"), roots("gone", "old\n"))
	ended := waiting(t, func(ctx context.Context) error { return w.client.RootsPublished(ctx, wanted()) })
	begun := <-w.watches
	require.NoError(t, w.fake.Tracker().Delete(core("configmaps"), "gone", rootsMap))
	begun.Stop() // as when a master is restarted
	require.NoError(t, <-ended)
}

func TestWhoIsBehindIsNamed(t *testing.T) {
	w := newTold(t, roots("a", "old\n"), roots("b", "old\nnew\n"))
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := waiting(t, func(context.Context) error { return w.client.RootsPublished(ctx, wanted()) })
	<-w.watches
	cancel(errors.New("it is late"))
	require.EqualError(t, <-ended, "waiting for pods' copies of the cluster's CA: a/kube-root-ca.crt unchanged: it is late")
}

func TestAnAuthorityIsPublishedOnceItIsThere(t *testing.T) {
	at := authorities()
	w := newTold(t)
	ended := waiting(t, func(ctx context.Context) error {
		return w.client.AuthorityPublished(ctx, FrontProxyAuthority, wanted())
	})
	begun := <-w.watches
	assert.Empty(t, ended, "nothing is told yet")
	begun.Add(configMap(at.Namespace, at.Name, FrontProxyAuthority, "old\n"))
	begun.Modify(configMap(at.Namespace, at.Name, ClientAuthority, "old\nnew\n"))
	assert.Empty(t, ended, "another field is no answer")
	begun.Modify(configMap(at.Namespace, at.Name, FrontProxyAuthority, "old\nnew\n"))
	require.NoError(t, <-ended)
}

func TestAnAPIThatTellsNothingIsNotTakenForPublished(t *testing.T) {
	w := newTold(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := waiting(t, func(context.Context) error {
		return w.client.AuthorityPublished(ctx, FrontProxyAuthority, wanted())
	})
	<-w.watches
	cancel(errors.New("it is late"))
	require.ErrorContains(t, <-ended, "the API tells of none: it is late")
}

func TestWhatAPIServersAddAgainIsTakenOutUntilTheyForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := authorities()
		w := newTold(t, configMap(at.Namespace, at.Name, ClientAuthority, "new\nold\n"))
		maps := w.fake.Resource(core("configmaps")).Namespace(at.Namespace)
		written, remembered := 0, 3
		w.fake.PrependReactor("patch", "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) {
			if written++; written <= remembered {
				return true, configMap(at.Namespace, at.Name, ClientAuthority, "old\nnew\n"), nil
			}
			return false, nil, nil
		})
		require.NoError(t, w.client.PublishAuthority(t.Context(), ClientAuthority, "new\n"))
		now, err := maps.Get(t.Context(), at.Name, metav1.GetOptions{})
		require.NoError(t, err)
		text, _, _ := unstructured.NestedString(now.Object, "data", ClientAuthority)
		assert.Equal(t, "new\n", text)
		assert.Equal(t, 4, written)
	})
}

func TestAnAPIServerThatDoesNotForgetIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := authorities()
		w := newTold(t, configMap(at.Namespace, at.Name, ClientAuthority, "new\nold\n"))
		w.fake.PrependReactor("patch", "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := w.client.PublishAuthority(ctx, ClientAuthority, "new\n")
		require.EqualError(t, err, "waiting for aggregated API servers to forget an authority: API servers still tell of the old one")
	})
}
