package inventory_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"provision/provision/inventory"
)

// TestHostileInputEndsSoon gives what grows: each must end, within seconds
// also on a busy machine, in a diagnostic or in an inventory.
func TestHostileInputEndsSoon(t *testing.T) {
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(format, "#", fmt.Sprint(i)))
		}
		return b.String()
	}
	chain := many(3000, "  a# = local.a#x\n")
	for i := 2999; i >= 0; i-- {
		chain = strings.Replace(chain, fmt.Sprintf("local.a%dx", i), fmt.Sprintf("local.a%d", i+1), 1)
	}
	for name, src := range map[string]string{
		"many locals":        "locals {\n" + many(20_000, "  a# = #\n") + "}\n",
		"chain of locals":    "locals {\n" + chain + "  a3000 = local.a0\n}\n",
		"unknown names":      "locals {\n" + many(9000, "  a# = var.b#\n") + "}\n",
		"unknown locals":     "locals {\n" + many(9000, "  a# = local.b#\n") + "}\n",
		"many blocks":        many(9000, "addon \"a#\" {}\n"),
		"equal blocks":       many(9000, "cluster \"a#\" {}\n"),
		"equal addons":       many(9000, "addon \"a\" {}\n"),
		"unary":              "locals {\n  a = " + strings.Repeat("!", 19_000) + "true\n}\n",
		"unary minus":        "locals {\n  a = " + strings.Repeat("-", 19_000) + "1\n}\n",
		"sum":                "locals {\n  a = 1" + strings.Repeat("+1", 19_000) + "\n}\n",
		"conditionals":       "locals {\n  a = " + strings.Repeat("true ? 1 : ", 19_000) + "1\n}\n",
		"index":              "locals {\n  a = x" + strings.Repeat("[0]", 19_000) + "\n}\n",
		"splat":              "locals {\n  a = x" + strings.Repeat("[*]", 6000) + "\n}\n",
		"splat of a list":    "locals {\n  a = [1]" + strings.Repeat("[*]", 6000) + "\n}\n",
		"open brackets":      strings.Repeat("[", 100_000),
		"open blocks":        strings.Repeat("a {\n", 50_000),
		"closing first":      strings.Repeat("}", 10_000) + "\nlocals {\n a = " + strings.Repeat("[", 9000) + "\n}\n",
		"templates":          "locals {\n  a = \"" + strings.Repeat("${1}", 19_000) + "\"\n}\n",
		"nested templates":   "locals {\n  a = " + strings.Repeat("\"${", 5000) + "1" + strings.Repeat("}\"", 5000) + "\n}\n",
		"template control":   "locals {\n  a = \"" + strings.Repeat("%{if true}", 9000) + strings.Repeat("%{endif}", 9000) + "\"\n}\n",
		"heredoc":            "locals {\n  a = <<-X\n" + strings.Repeat("  ${1}\n", 15_000) + "X\n}\n",
		"long line":          "locals {\n  a = \"" + strings.Repeat("x", 1_000_000) + "\"\n}\n",
		"no newlines":        strings.Repeat("a ", 100_000),
		"quotes":             strings.Repeat("\"", 100_000),
		"zero bytes":         strings.Repeat("\x00", 100_000),
		"invalid UTF-8":      strings.Repeat("\xff\n", 60_000),
		"too large":          strings.Repeat(" ", 3_000_000),
		"types":              "variable \"a\" {\n type = " + strings.Repeat("list(", 5000) + "string" + strings.Repeat(")", 5000) + "\n}\n",
		"growing strings":    "locals {\n a0 = \"0123456789\"\n" + many(30, "  b# = \"${local.a#}${local.a#}${local.a#}${local.a#}\"\n") + "}\n",
		"doubling":           "locals {\n a0 = [0]\n" + doubling(60) + "}\n",
		"squaring":           "locals {\n a0 = 999\n" + squaring(60) + "}\n",
		"regular expression": "locals {\n a = regexall(\"(x+x+)+y\", \"" + strings.Repeat("x", 20_000) + "\")\n}\n",
		"ranges":             many(3000, "host \"h#-[1-10000]\" {\n address = \"10.0.0.[1-10000]\"\n roles = [\"node\"]\n}\n"),
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			inv, list := inventory.Parse(t.Context(), map[string][]byte{"i.hcl": []byte(src)}, sealed())
			_ = printed(t, list)
			assert.Nil(t, inv, "none of them has a cluster and its hosts")
			assert.LessOrEqual(t, len(list), 1000)
			took := time.Since(began)
			t.Logf("%s, %d problems", took.Round(time.Millisecond), len(list))
			assert.Less(t, took, 30*time.Second)
		})
	}
}

func doubling(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  a%d = concat(local.a%d, local.a%d)\n", i+1, i, i)
	}
	return b.String()
}

func squaring(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  a%d = local.a%d * local.a%d\n", i+1, i, i)
	}
	return b.String()
}
