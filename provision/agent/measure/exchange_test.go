package measure

import (
	"encoding/binary"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// halting is a socket of a host that stands still during its first reads. Each
// datagram is answered.
type halting struct {
	net.Conn
	nonce []byte
	halts int
	sent  int
}

func (h *halting) Write(b []byte) (int, error)     { h.sent++; return len(b), nil }
func (h *halting) SetReadDeadline(time.Time) error { return nil }

func (h *halting) Read(b []byte) (int, error) {
	if h.halts > 0 {
		h.halts--
		time.Sleep(5 * time.Second)
		return 0, os.ErrDeadlineExceeded
	}
	return copy(b, binary.BigEndian.AppendUint16(append([]byte(nil), h.nonce...), smallPayload)), nil
}

func TestAHostThatHaltsForAMomentTriesAgain(t *testing.T) {
	for halts, passed := range map[int]int{0: smallPayload, datagramTries - 1: smallPayload, datagramTries: 0} {
		synctest.Test(t, func(t *testing.T) {
			conn := &halting{nonce: make([]byte, nonceSize), halts: halts}
			got, err := reacher{nonce: conn.nonce}.exchange(t.Context(), conn, smallPayload, smallPayload)
			require.NoError(t, err)
			assert.Equal(t, passed, got)
			assert.Equal(t, min(halts+1, datagramTries), conn.sent)
		})
	}
}
