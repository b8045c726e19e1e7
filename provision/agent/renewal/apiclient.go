package renewal

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"provision/provision/agent/measure"
	"provision/provision/internal/system"
	"provision/provision/pki"
)

// apiClient speaks to the Kubernetes API, in HTTP/1.0: one request a connection,
// whose end is the answer's. The standard client would be a quarter of the
// agent's size.
type apiClient struct {
	network   measure.Network
	addresses []string // one as good as the next
	config    *tls.Config
}

// answerTime is how long the API may take to answer, callTime how long one
// address may take to answer the call, and maxAnswer how much it may say.
const (
	answerTime = 30 * time.Second
	callTime   = 5 * time.Second
	maxAnswer  = 32 << 20
)

// statusError is an answer that is not 2xx.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return fmt.Sprintf("the API answered %d: %s", e.code, e.text) }

// hostClient has the host's own access.
func (r *renewer) hostClient() (apiClient, error) {
	raw, err := r.System().Files.ReadFile(r.config.Client)
	if err != nil {
		return apiClient{}, fmt.Errorf("reading the host's own access: %w", err)
	}
	pair, err := tls.X509KeyPair(raw, raw)
	if err != nil {
		return apiClient{}, fmt.Errorf("reading the host's own access: %w", err)
	}
	return r.client(pair, r.config.APIs...)
}

// masterClient has access that this master, which holds the authority's key,
// gives itself for minutes.
func (r *renewer) masterClient(ctx context.Context) (apiClient, error) {
	key, err := pki.NewKey(pki.Env{Now: r.System().Now()})
	if err != nil {
		return apiClient{}, err
	}
	csr, err := pki.CSR(pki.Env{}, key, pki.Operator("provision-renew:"+r.config.Host).Request(nil, nil))
	if err != nil {
		return apiClient{}, err
	}
	signed, err := r.Sign(ctx, system.SignRequest{CA: pki.ClusterCA, CSR: csr, Client: true, Life: pki.FirstAccess})
	if err != nil {
		return apiClient{}, err
	}
	keyPEM, err := key.PEM()
	if err != nil {
		return apiClient{}, err
	}
	pair, err := tls.X509KeyPair(signed, keyPEM)
	if err != nil {
		return apiClient{}, fmt.Errorf("making access to the API: %w", err)
	}
	return r.client(pair, r.config.Local)
}

func (r *renewer) client(pair tls.Certificate, addresses ...string) (apiClient, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(r.state.Identity.CAs[pki.ClusterCA])) {
		return apiClient{}, errors.New("the host does not know the cluster's authority")
	}
	return apiClient{r.options.Network, addresses, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots,
		Certificates: []tls.Certificate{pair}, Time: r.System().Now}}, nil
}

// do sends one request and reads the answer into out, unless that is nil.
func (c apiClient) do(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("writing request: %w", err)
		}
	}
	return c.exchange(ctx, method, path, body, func(answer io.Reader) error {
		if out == nil {
			return nil
		}
		if err := json.NewDecoder(answer).Decode(out); err != nil {
			return fmt.Errorf("reading the API's answer: %w", err)
		}
		return nil
	})
}

// stream follows a watch while more says so.
func (c apiClient) stream(ctx context.Context, path string, more func(*json.Decoder) bool) error {
	return c.exchange(ctx, "GET", path, nil, func(answer io.Reader) error {
		decoder := json.NewDecoder(answer)
		for more(decoder) {
			continue
		}
		return nil
	})
}

// call connects to the first address that answers.
func (c apiClient) call(ctx context.Context) (*tls.Conn, error) {
	failures := []error{errors.New("no API server answered")}
	for _, address := range c.addresses {
		conn, err := c.dial(ctx, address)
		if err == nil {
			return conn, nil
		}
		failures = append(failures, fmt.Errorf("%s: %w", address, err))
	}
	return nil, errors.Join(failures...)
}

func (c apiClient) dial(ctx context.Context, address string) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("reading the address: %w", err)
	}
	plain, err := c.network.Dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	config := c.config.Clone()
	config.ServerName = host
	conn := tls.Client(plain, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = plain.Close()
		return nil, err
	}
	return conn, nil
}

func (c apiClient) exchange(ctx context.Context, method, path string, body []byte, read func(io.Reader) error) error {
	conn, err := c.call(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.NetConn().Close() }() // the answer's end is the connection's: nothing is left to say
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	head := fmt.Sprintf("%s %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: provision\r\nAccept: application/json\r\n", method, path, conn.RemoteAddr())
	if body != nil {
		head += "Content-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	if _, err := conn.Write(append([]byte(head+"\r\n"), body...)); err != nil {
		return err
	}
	answer := bufio.NewReader(io.LimitReader(conn, maxAnswer))
	code, err := status(answer)
	if err != nil {
		return err
	}
	if code < 200 || code > 299 {
		text, _ := io.ReadAll(io.LimitReader(answer, 4096)) // what there is of it
		return &statusError{code, message(text)}
	}
	return read(answer)
}

// status reads the head of an answer.
func status(answer *bufio.Reader) (int, error) {
	line, err := answer.ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("reading the API's answer: %w", err)
	}
	words := strings.Fields(line)
	if len(words) < 2 || !strings.HasPrefix(words[0], "HTTP/1.") {
		return 0, errors.New("the API's answer is not HTTP")
	}
	code, err := strconv.Atoi(words[1])
	if err != nil {
		return 0, errors.New("the API's answer is not HTTP")
	}
	for {
		line, err := answer.ReadString('\n')
		if err != nil {
			return 0, fmt.Errorf("reading the API's answer: %w", err)
		}
		if strings.TrimSpace(line) == "" {
			return code, nil
		}
	}
}

// message is what a Status object says.
func message(text []byte) string {
	var said struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(text, &said) == nil && said.Message != "" {
		return said.Message
	}
	return string(bytes.TrimSpace(text))
}
