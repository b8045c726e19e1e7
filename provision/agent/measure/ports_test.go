package measure

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
)

// fleeting has a port closed as soon as it was read once.
type fleeting struct {
	system.Files
	reads int
}

func (f *fleeting) ReadFile(path string) ([]byte, error) {
	if path == "/proc/net/tcp" {
		if f.reads++; f.reads > 1 {
			return []byte("  sl  local_address\n"), nil
		}
	}
	return f.Files.ReadFile(path)
}

const listens = "  sl  local_address rem_address   st\n   0: 00000000:094C 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n"

func TestPortsThatCloseMeanwhileAreFree(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	require.NoError(t, host.Put("/proc/net/tcp", listens, 0o444))
	ports := []api.Port{{Number: 2380}}
	assert.Len(t, taken(host.Files, ports), 1, "a process that cannot be seen has it")
	assert.Empty(t, taken(&fleeting{Files: host.Files}, ports))
}
