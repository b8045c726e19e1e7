package helm

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"helm.sh/helm/v4/pkg/action"
	helmkube "helm.sh/helm/v4/pkg/kube"
	"helm.sh/helm/v4/pkg/release"
	"helm.sh/helm/v4/pkg/storage"
	"helm.sh/helm/v4/pkg/storage/driver"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"provision/provision/kube"
)

// grace is how long Helm may still write the outcome of a run that was
// cancelled: a release marked failed is easier to go on from than a pending one.
const grace = 5 * time.Second

// run is one Helm action. Helm takes no context for most of its requests, so
// the run's transport carries it.
type run struct {
	ctx    context.Context
	config *action.Configuration
	client *waitingClient
}

func (r *Releases) start(ctx context.Context, namespace string, timeout time.Duration, progress func(string)) (*run, func(), error) {
	requests, done := lingering(ctx)
	config := r.client.Config()
	config.Transport = &bound{base: config.Transport, ctx: requests}
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		done()
		return nil, nil, fmt.Errorf("preparing Helm's client: %w", err)
	}
	secrets := driver.NewSecrets(clients.CoreV1().Secrets(namespace))
	silent := slog.DiscardHandler
	secrets.SetLogger(silent)
	get := &getter{config: config, client: r.client, namespace: namespace}
	inner := helmkube.New(get)
	inner.SetLogger(silent)
	inner.Namespace = namespace
	configuration := action.NewConfiguration(action.ConfigurationSetLogger(silent))
	configuration.RESTClientGetter = get
	configuration.Releases = storage.Init(watched{secrets, r.point})
	configuration.Releases.SetLogger(silent)
	client := &waitingClient{Client: inner, ctx: ctx, kube: r.client, progress: progress, timeout: timeout}
	configuration.KubeClient = client
	configuration.HookOutputFunc = func(_, _, _ string) io.Writer { return io.Discard }
	return &run{ctx: ctx, config: configuration, client: client}, done, nil
}

// watched tells of each revision that is written down.
type watched struct {
	driver.Driver
	point func(string)
}

func (w watched) Create(key string, revision release.Releaser) error {
	err := w.Driver.Create(key, revision)
	w.tell(revision, err)
	return err
}

func (w watched) Update(key string, revision release.Releaser) error {
	err := w.Driver.Update(key, revision)
	w.tell(revision, err)
	return err
}

func (w watched) tell(revision release.Releaser, err error) {
	if of, failed := release.NewAccessor(revision); err == nil && failed == nil {
		w.point("release " + of.Name() + " " + of.Status())
	}
}

// explain puts the reason of a cancelled run before Helm's words.
func (r *run) explain(err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(r.ctx); cause != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// lingering returns a context that ends some time after ctx does.
func lingering(ctx context.Context) (context.Context, func()) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(late, func() { timer.Stop() })
	})
	return late, func() {
		stop()
		cancel()
	}
}

// bound ends requests with a context that they were not made with.
type bound struct {
	base http.RoundTripper
	ctx  context.Context
}

func (b *bound) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(request.Context())
	stop := context.AfterFunc(b.ctx, func() { cancel(context.Cause(b.ctx)) })
	response, err := b.base.RoundTrip(request.WithContext(ctx))
	if err != nil {
		stop()
		cancel(nil)
		return nil, err
	}
	response.Body = &body{ReadCloser: response.Body, end: func() { stop(); cancel(nil) }}
	return response, nil
}

// body lets go of the request's context when it is closed.
type body struct {
	io.ReadCloser
	end func()
}

func (b *body) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}

// getter gives Helm our configuration instead of a kubeconfig file.
type getter struct {
	config    *rest.Config
	client    *kube.Client
	namespace string
}

func (g *getter) ToRESTConfig() (*rest.Config, error) { return rest.CopyConfig(g.config), nil }

func (g *getter) ToDiscoveryClient() (discovery.CachedDiscoveryInterface, error) {
	return g.client.Discovery(), nil
}

func (g *getter) ToRESTMapper() (meta.RESTMapper, error) { return g.client.Mapper(), nil }

func (g *getter) ToRawKubeConfigLoader() clientcmd.ClientConfig {
	overrides := &clientcmd.ConfigOverrides{Context: clientcmdapi.Context{Namespace: g.namespace}}
	return clientcmd.NewDefaultClientConfig(*clientcmdapi.NewConfig(), overrides)
}
