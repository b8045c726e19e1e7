package seal_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/etcd/backup/seal"
)

func classic(t *testing.T) *age.X25519Identity {
	t.Helper()
	i, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	return i
}

func noise(n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

func TestSealedAndOpened(t *testing.T) {
	hybrid, err := age.GenerateHybridIdentity()
	require.NoError(t, err)
	one := classic(t)
	for name, pair := range map[string]struct {
		recipient string
		identity  age.Identity
	}{"classic": {one.Recipient().String(), one}, "post-quantum": {hybrid.Recipient().String(), hybrid}} {
		t.Run(name, func(t *testing.T) {
			for _, content := range [][]byte{{}, noise(1), noise(300_000), make([]byte, 1<<20)} {
				s, err := seal.New([]string{pair.recipient})
				require.NoError(t, err)
				var sealed, opened bytes.Buffer
				plain, stored, err := s.Seal(t.Context(), &sealed, bytes.NewReader(content))
				require.NoError(t, err)
				assert.EqualValues(t, len(content), plain.Size)
				assert.EqualValues(t, sealed.Len(), stored.Size)
				require.NoError(t, s.Check(t.Context(), bytes.NewReader(sealed.Bytes()), plain, stored))
				require.NoError(t, seal.Open(&opened, &sealed, pair.identity))
				assert.Equal(t, content, append([]byte{}, opened.Bytes()...))
			}
		})
	}
}

// What lies at a target is empty, cut, damaged, longer, or another's.
func TestWhatIsNotWhatWasStoredIsSeen(t *testing.T) {
	s, err := seal.New([]string{classic(t).Recipient().String()})
	require.NoError(t, err)
	var sealed, other bytes.Buffer
	content := noise(200_000)
	plain, stored, err := s.Seal(t.Context(), &sealed, bytes.NewReader(content))
	require.NoError(t, err)
	_, _, err = s.Seal(t.Context(), &other, bytes.NewReader(noise(100)))
	require.NoError(t, err)
	flipped := bytes.Clone(sealed.Bytes())
	flipped[150_000] ^= 1
	for name, bad := range map[string][]byte{
		"empty": {}, "cut": sealed.Bytes()[:sealed.Len()-1024], "flipped": flipped,
		"longer": append(bytes.Clone(sealed.Bytes()), 0), "other": other.Bytes(), "plain": content,
	} {
		assert.Error(t, s.Check(t.Context(), bytes.NewReader(bad), plain, stored), name)
	}
	wrong := plain
	wrong.SHA256 = stored.SHA256
	assert.ErrorContains(t, s.Check(t.Context(), bytes.NewReader(sealed.Bytes()), wrong, stored), "decrypted")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, s.Check(ctx, bytes.NewReader(sealed.Bytes()), plain, stored), context.Canceled)
	again, err := seal.New([]string{classic(t).Recipient().String()})
	require.NoError(t, err)
	assert.Error(t, again.Check(t.Context(), bytes.NewReader(sealed.Bytes()), plain, stored), "each identity is thrown away")
}

func TestRecipientsThatAreRefused(t *testing.T) {
	hybrid, err := age.GenerateHybridIdentity()
	require.NoError(t, err)
	one := classic(t)
	for want, given := range map[string][]string{
		"there is no recipient":       {},
		"is not a recipient of age":   {"age1xyz"},
		"is an identity, which is":    {one.String()},
		"cannot be mixed":             {one.Recipient().String(), hybrid.Recipient().String()},
		`"ssh-ed25519 AAAA" is not a`: {"ssh-ed25519 AAAA"},
	} {
		_, err := seal.New(given)
		assert.ErrorContains(t, err, want)
		if err != nil {
			assert.NotContains(t, err.Error(), one.String())
		}
	}
}
