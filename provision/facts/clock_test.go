package facts

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestMiddleOfClocks(t *testing.T) {
	const hour, second = time.Hour, time.Second
	for name, c := range map[string]struct {
		ahead []time.Duration
		want  time.Duration
	}{
		"none":                         {nil, 0},
		"one":                          {[]time.Duration{hour}, hour},
		"two, one ahead":               {[]time.Duration{hour, second}, second},
		"two, one behind":              {[]time.Duration{second, -hour}, second},
		"three, the operator's is off": {[]time.Duration{hour, hour + second, 0}, hour},
		"four, two and two":            {[]time.Duration{-hour, second, -hour, 0}, 0},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, Middle(c.ahead)) })
	}
}
