package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// serve answers every path with this host's name and the client's address.
func serve(ctx context.Context, address string) error {
	name, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("reading the host's name: %w", err)
	}
	server := &http.Server{Addr: address, ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s to %s\n", name, r.RemoteAddr)
		})}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	fmt.Printf("%s serves on %s\n", name, address)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

// client trusts the CA, or the system's when none is given. It keeps no
// connection: each request finds its own way.
func client(ca string, timeout time.Duration) (*http.Client, error) {
	transport := &http.Transport{DisableKeepAlives: true}
	if ca != "" {
		raw, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("reading the CA: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("reading the CA: no certificate in %s", ca)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: transport, Timeout: timeout}, nil
}

func get(ctx context.Context, url, ca string) error {
	c, err := client(ca, 5*time.Second)
	if err != nil {
		return err
	}
	body, err := ask(ctx, c, url)
	if err != nil {
		return err
	}
	fmt.Print(body)
	return nil
}

func ask(ctx context.Context, c *http.Client, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", fmt.Errorf("asking %s: %w", url, err)
	}
	answer, err := c.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return "", fmt.Errorf("reading the answer of %s: %w", url, err)
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answers %s: %s", url, answer.Status, body)
	}
	return string(body), nil
}

// found is what a probe prints.
type found struct {
	OK     int           `json:"ok"`
	Failed int           `json:"failed"`
	Gap    time.Duration `json:"gap_ns"` // longest time without an answer
	Last   string        `json:"last"`   // the last failure
}

const (
	probeEvery   = 50 * time.Millisecond
	probeTimeout = time.Second
)

// probe asks again and again, and tells how long nothing answered at most.
func probe(ctx context.Context, url, ca string, life time.Duration) error {
	ctx, cancel := context.WithTimeout(ended(ctx), life)
	defer cancel()
	c, err := client(ca, probeTimeout)
	if err != nil {
		return err
	}
	fmt.Println("probing")
	var f found
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for good := time.Now(); ; {
		if _, err := ask(ctx, c, url); err == nil {
			f.OK++
			f.Gap = max(f.Gap, time.Since(good))
			good = time.Now()
		} else if ctx.Err() == nil {
			f.Failed++
			f.Last = err.Error()
		}
		select {
		case <-ctx.Done():
			f.Gap = max(f.Gap, time.Since(good))
			return json.NewEncoder(os.Stdout).Encode(f)
		case <-ticker.C:
		}
	}
}
