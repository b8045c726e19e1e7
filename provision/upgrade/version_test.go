package upgrade

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestVersionsAreOrdered(t *testing.T) {
	sorted := []string{"1.9.9", "1.36.4", "1.37.0-alpha.1", "1.37.0-alpha.2", "1.37.0-alpha.10", "1.37.0-rc", "1.37.0-rc.1", "1.37.0", "1.37.1", "1.38.0", "2.0.0"}
	var list []Version
	for _, text := range sorted {
		list = append(list, v(t, text))
	}
	slices.Reverse(list)
	slices.SortFunc(list, Version.Compare)
	for i, text := range sorted {
		assert.Equal(t, text, list[i].String())
	}
	assert.Zero(t, v(t, "v1.37.1+build.7").Compare(v(t, "1.37.1")))
	assert.False(t, Version{}.Known())
	assert.Equal(t, "1.37", v(t, "1.37.1").Line())
}

func TestWhatIsNoVersion(t *testing.T) {
	for _, text := range []string{"", "1", "1.37", "1.37.1.2", "1.x.1", "1.-7.1", "01.2.3", "1.37.99999999999", "other"} {
		_, err := Parse(text)
		require.Error(t, err, text)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("1.37.1")
	f.Add("v3.7.3-rc.1+x")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(v.String())
		require.NoError(t, err)
		assert.Zero(t, v.Compare(again))
	})
}
