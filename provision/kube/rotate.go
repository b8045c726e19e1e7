package kube

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"provision/provision/cluster"
)

// Fields of the ConfigMap by which aggregated API servers know whom to trust.
const (
	ClientAuthority     = "client-ca-file"
	FrontProxyAuthority = "requestheader-client-ca-file"
)

// rootsMap is the name of the ConfigMaps that give pods the cluster's CA.
const rootsMap = "kube-root-ca.crt"

// again is the pause between two looks at what API servers write in their time:
// nothing tells that they have nothing more to add.
const again = time.Second

func authorities() cluster.Ref {
	return cluster.Ref{APIVersion: "v1", Kind: "ConfigMap", Namespace: "kube-system", Name: "extension-apiserver-authentication"}
}

func core(resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: resource}
}

// RootsPublished waits until the ConfigMaps that give pods the cluster's CA hold
// all of these certificates.
func (c *Client) RootsPublished(ctx context.Context, certs [][]byte) error {
	return c.published(ctx, "pods' copies of the cluster's CA", "ca.crt", certs,
		Scope{Resource: core("configmaps"), FieldSelector: "metadata.name=" + rootsMap})
}

// AuthorityPublished waits until aggregated API servers are told of all of these.
func (c *Client) AuthorityPublished(ctx context.Context, field string, certs [][]byte) error {
	told := authorities()
	return c.published(ctx, "aggregated API servers' copy of an authority", field, certs,
		Scope{Resource: core("configmaps"), Namespace: told.Namespace, FieldSelector: "metadata.name=" + told.Name})
}

// published waits until a field of all ConfigMaps that there are, of one at
// least, holds all of these certificates.
func (c *Client) published(ctx context.Context, what, field string, certs [][]byte, scope Scope) error {
	told := map[string]bool{}
	note := func(object *unstructured.Unstructured) {
		text, _, _ := unstructured.NestedString(object.Object, "data", field)
		told[object.GetNamespace()+"/"+object.GetName()] = holds(text, certs)
	}
	behind := func() (names []string) {
		for _, name := range slices.Sorted(maps.Keys(told)) {
			if !told[name] {
				names = append(names, name)
			}
		}
		return names
	}
	scope.Listed = func(all []unstructured.Unstructured) bool {
		clear(told)
		for i := range all {
			note(&all[i])
		}
		return len(told) > 0 && len(behind()) == 0
	}
	err := c.Watch(ctx, scope, func(object *unstructured.Unstructured, gone bool) (bool, error) {
		if note(object); gone {
			delete(told, object.GetNamespace()+"/"+object.GetName())
		}
		return len(told) > 0 && len(behind()) == 0, nil
	})
	switch names := behind(); {
	case err == nil:
		return nil
	case len(names) == 0:
		return fmt.Errorf("waiting for %s: the API tells of none: %w", what, err)
	default:
		return fmt.Errorf("waiting for %s: %s unchanged: %w", what, strings.Join(names, ", "), err)
	}
}

// PublishAuthority makes what aggregated API servers trust this and nothing
// else: API servers only ever add to it, and do so until each has forgotten
// what was.
func (c *Client) PublishAuthority(ctx context.Context, field, certs string) error {
	told := authorities()
	configMaps := c.dynamic.Resource(core("configmaps")).Namespace(told.Namespace)
	patch, err := json.Marshal(cluster.Object{"data": map[string]any{field: certs}})
	if err != nil {
		return fmt.Errorf("writing patch of %s: %w", told, err)
	}
	clean := 0
	return until(ctx, "aggregated API servers to forget an authority", func() (string, error) {
		object, err := configMaps.Get(ctx, told.Name, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		text, _, _ := unstructured.NestedString(object.Object, "data", field)
		if strings.TrimSpace(text) == strings.TrimSpace(certs) {
			if clean++; clean >= 3 {
				return "", nil
			}
			return "nothing", nil
		}
		clean = 0
		_, err = configMaps.Patch(ctx, told.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: FieldManager})
		return "API servers still tell of the old one", err
	})
}

func holds(text string, certs [][]byte) bool {
	for _, cert := range certs {
		if !bytes.Contains([]byte(text), bytes.TrimSpace(cert)) {
			return false
		}
	}
	return true
}

// until looks until nothing is missing any more.
func until(ctx context.Context, what string, look func() (missing string, err error)) error {
	for {
		missing, err := look()
		if err == nil && missing == "" {
			return nil
		}
		if sleep(ctx, again) != nil {
			if err == nil {
				err = fmt.Errorf("%s", missing)
			}
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
	}
}

// page is how many objects are read at once.
const page = 200

// eachSecret calls do with all Secrets.
func (c *Client) eachSecret(ctx context.Context, options metav1.ListOptions, do func(*unstructured.Unstructured) error) error {
	options.Limit = page
	for {
		list, err := c.dynamic.Resource(core("secrets")).List(ctx, options)
		if err != nil {
			return fmt.Errorf("listing Secrets: %w", err)
		}
		for i := range list.Items {
			if err := do(&list.Items[i]); err != nil {
				return err
			}
		}
		if options.Continue = list.GetContinue(); options.Continue == "" {
			return nil
		}
	}
}

// RewriteSecrets writes each Secret as it is, so that it is encrypted with the
// key that comes first now. What somebody else changes or deletes meanwhile is
// written by them.
func (c *Client) RewriteSecrets(ctx context.Context) error {
	return c.eachSecret(ctx, metav1.ListOptions{}, func(object *unstructured.Unstructured) error {
		_, err := c.dynamic.Resource(core("secrets")).Namespace(object.GetNamespace()).Update(ctx, object, metav1.UpdateOptions{})
		if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return fmt.Errorf("rewriting Secret %s/%s: %w", object.GetNamespace(), object.GetName(), err)
		}
		return nil
	})
}

// LastingTokens are the service account tokens that Secrets hold, by
// NAMESPACE/NAME: they never end.
func (c *Client) LastingTokens(ctx context.Context) (map[string]string, error) {
	tokens := map[string]string{}
	options := metav1.ListOptions{FieldSelector: "type=kubernetes.io/service-account-token"}
	err := c.eachSecret(ctx, options, func(object *unstructured.Unstructured) error {
		text, _, _ := unstructured.NestedString(object.Object, "data", "token")
		if raw, err := base64.StdEncoding.DecodeString(text); err == nil && len(raw) > 0 {
			tokens[object.GetNamespace()+"/"+object.GetName()] = string(raw)
		}
		return nil
	})
	return tokens, err
}
