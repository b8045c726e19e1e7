package measure

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"provision/provision/agent/api"
)

const (
	// connectTime leaves room for one lost packet, which is sent again after a
	// second.
	connectTime = 2 * time.Second
	// A datagram is sent so often, and its answer waited for so long each time: a
	// host that stands still for a moment loses one try, not all.
	datagramTries = 4
	datagramAgain = 250 * time.Millisecond
	reachAtOnce   = 256
	maxReach      = time.Minute
	maxTargets    = 100_000
	smallPayload  = 64
)

// payloads are tried when the one that is wanted does not get through: those of
// the MTUs that networks usually have, under IPv4.
func payloads() []int { return []int{8972, 1472, 1464, 1422, 1412, 1372, 1252, 548} }

// Reach connects to all targets, many at once, and tells which failed.
func (m *Meter) Reach(ctx context.Context, params api.ReachParams) (api.ReachResult, error) {
	nonce, err := readNonce(params.Nonce)
	if err != nil {
		return api.ReachResult{}, err
	}
	if len(params.Targets) > maxTargets {
		return api.ReachResult{}, api.BadRequest("more than %d targets", maxTargets)
	}
	ctx, cancel := context.WithTimeout(ctx, min(params.Within, maxReach))
	defer cancel()
	r := reacher{network: m.Network, nonce: nonce}
	var all sync.WaitGroup
	failures := make([]api.ReachFailure, len(params.Targets))
	slots := make(chan struct{}, reachAtOnce)
	for i, target := range params.Targets {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			failures[i] = r.try(ctx, target)
		})
	}
	all.Wait()
	var result api.ReachResult
	for i, failure := range failures {
		if failure.Code != "" {
			failure.Target = i
			result.Failed = append(result.Failed, failure)
		}
	}
	return result, nil
}

type reacher struct {
	network Network
	nonce   []byte
}

func (r reacher) try(ctx context.Context, t api.Target) api.ReachFailure {
	if _, err := netip.ParseAddrPort(t.Address); err != nil {
		return api.ReachFailure{Code: api.ReachOther, Detail: "the address is not IP:PORT"}
	}
	if ctx.Err() != nil {
		return api.ReachFailure{Code: api.ReachUntested}
	}
	if t.UDP {
		return r.datagram(ctx, t)
	}
	if err := r.connect(ctx, t); err != nil {
		return failure(err)
	}
	return api.ReachFailure{}
}

var errOther = errors.New("something else answers there")

func (r reacher) connect(ctx context.Context, t api.Target) error {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	conn, err := r.network.Dial(ctx, "tcp", t.Address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if t.Live {
		return nil
	}
	_ = conn.SetDeadline(time.Now().Add(connectTime))
	if _, err := conn.Write(r.nonce); err != nil {
		return err
	}
	got := make([]byte, nonceSize)
	if _, err := io.ReadFull(conn, got); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errOther
	} else if err != nil {
		return err
	}
	if !bytes.Equal(got, r.nonce) {
		return errOther
	}
	return nil
}

// failure puts an error into the terms of the API.
func failure(err error) api.ReachFailure {
	var timeout net.Error
	switch {
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.ECONNRESET):
		return api.ReachFailure{Code: api.ReachRefused}
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH):
		return api.ReachFailure{Code: api.ReachNoRoute, Detail: err.Error()}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return api.ReachFailure{Code: api.ReachTimeout}
	}
	return api.ReachFailure{Code: api.ReachOther, Detail: err.Error()}
}

// datagram sends a small datagram and one of the wanted size. When only the
// small one is answered, it looks for the largest that gets through.
func (r reacher) datagram(ctx context.Context, t api.Target) api.ReachFailure {
	conn, err := r.network.Dial(ctx, "udp", t.Address)
	if err != nil {
		return failure(err)
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	want := max(t.Size, smallPayload)
	passed, err := r.exchange(ctx, conn, want, smallPayload, want)
	switch {
	case passed >= want:
		return api.ReachFailure{}
	case passed == 0 && err != nil:
		return failure(err)
	case passed == 0:
		return api.ReachFailure{Code: api.ReachTimeout}
	}
	smaller := slices.DeleteFunc(payloads(), func(size int) bool { return size >= want })
	if len(smaller) > 0 {
		more, _ := r.exchange(ctx, conn, smaller[0], smaller...)
		passed = max(passed, more)
	}
	return api.ReachFailure{Code: api.ReachTooLarge, Passed: passed}
}

// exchange sends datagrams of the sizes, again and again, until the one that is
// wanted is answered or was tried often enough. It returns the largest that was.
func (r reacher) exchange(ctx context.Context, conn net.Conn, want int, sizes ...int) (int, error) {
	answered, buffer := 0, make([]byte, 64)
	var last error
	for try := 0; try < datagramTries && answered < want && ctx.Err() == nil; try++ {
		for _, size := range sizes {
			if _, err := conn.Write(r.payload(size)); err != nil && !errors.Is(err, unix.EMSGSIZE) {
				last = err
			}
		}
		_ = conn.SetReadDeadline(time.Now().Add(datagramAgain))
		for answered < want {
			n, err := conn.Read(buffer)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil { // refused, so far: a firewall may say so, too
				last = err
				wait(ctx, datagramAgain)
				break
			}
			if n == nonceSize+2 && bytes.Equal(buffer[:nonceSize], r.nonce) {
				answered = max(answered, int(binary.BigEndian.Uint16(buffer[nonceSize:])))
			}
		}
	}
	return answered, last
}

// wait is a pause that ends with ctx: the kernel tells of a refusal at once.
func wait(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (r reacher) payload(size int) []byte {
	return append(bytes.Clone(r.nonce), make([]byte, size-nonceSize)...)
}
