package report_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/provision/report"
)

func TestClean(t *testing.T) {
	tests := []struct{ name, in, clean, line string }{
		{"plain text", "Debian GNU/Linux 12 – ünïcode 日本", "Debian GNU/Linux 12 – ünïcode 日本", "Debian GNU/Linux 12 – ünïcode 日本"},
		{"lines and tabs", "a\n\tb", "a\n\tb", "a  b"},
		{"title", "\x1b]0;pwned\x07", "\ufffd]0;pwned\ufffd", "\ufffd]0;pwned\ufffd"},
		{"carriage return and backspace", "good\rbad\b", "good\ufffdbad\ufffd", "good\ufffdbad\ufffd"},
		{"C1 control", "a\u009b31mb", "a\ufffd31mb", "a\ufffd31mb"},
		{"C1 control as a bare byte", "a\x9b31mb", "a\ufffd31mb", "a\ufffd31mb"},
		{"direction", "a\u202eb\u2066c\u200fd", "a\ufffdb\ufffdc\ufffdd", "a\ufffdb\ufffdc\ufffdd"},
		{"delete and NUL", "a\x7fb\x00", "a\ufffdb\ufffd", "a\ufffdb\ufffd"},
		{"line separators", "a\u2028b\u2029c", "a\ufffdb\ufffdc", "a\ufffdb\ufffdc"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.clean, report.Clean(tt.in))
			assert.Equal(t, tt.line, report.Line(tt.in))
		})
	}
}
