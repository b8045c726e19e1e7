package shell

import (
	"slices"
	"strconv"
)

// Exit codes of the scripts, apart from those of shells and sudo.
const (
	ExitMissing = 97 // no intact agent at its path
	ExitUpload  = 98 // the upload failed; nothing was left behind
)

// Words that follow the mark on standard error.
const (
	Shell   = "shell"   // the login shell runs our command line; sudo is next
	Root    = "root"    // sudo is through: our script runs
	Ready   = "ready"   // standard input now belongs to the command
	Missing = "missing" // then: uname -m
	Failed  = "failed"  // then: what was being done
	Send    = "send"    // the content is awaited
)

// sayScript: mark word argv…
const sayScript = `printf '%s %s\n' "$1" "$2" >&2; shift 2; exec "$@"`

// startScript: mark dir x86_64-sum aarch64-sum args…
// The file is hashed at each start: what root runs is always what was sent.
const startScript = `printf '%s root\n' "$1" >&2; mark=$1 d=$2 arch=$(uname -m)
case $arch in x86_64) sum=$3;; aarch64|arm64) sum=$4;; *) sum=-;; esac
shift 4; f=$d/$sum
if [ -x "$f" ] && have=$(sha256sum <"$f") && [ "${have%% *}" = "$sum" ]; then
printf '%s ready\n' "$mark" >&2; exec "$f" "$@"
fi
printf '%s missing %s\n' "$mark" "$arch" >&2; exit 97`

// uploadScript: mark path size sum args…
// Content comes on standard input. The temporary name is this process's own, so
// that two operators don't write into each other's; what a killed one left goes
// after an hour.
const uploadScript = `printf '%s root\n' "$1" >&2; umask 077; mark=$1 f=$2 size=$3 sum=$4; shift 4
d=${f%/*} t=$f.$$.part
fail() { rm -f "$t"; printf '%s failed %s\n' "$mark" "$1" >&2; exit 98; }
trap 'rm -f "$t"; exit 98' HUP INT TERM PIPE
mkdir -p "$d" || fail "creating folder $d"
printf '%s send\n' "$mark" >&2
find "$d" -maxdepth 1 -name '*.part' -mmin +60 -delete 2>/dev/null
dd of="$t" bs=65536 iflag=fullblock,count_bytes count="$size" conv=fsync status=none || fail "writing $t"
have=$(sha256sum <"$t"); [ "${have%% *}" = "$sum" ] || fail "verifying $f"
chmod 0700 "$t" && mv -f "$t" "$f" && sync "$d" || fail "renaming to $f"
printf '%s ready\n' "$mark" >&2; exec "$f" "$@"`

// Say makes argv announce on standard error, with a word, that it is about to run.
func Say(mark, word string, argv []string) []string {
	return append([]string{"sh", "-c", sayScript, "sh", mark, word}, argv...)
}

// Start runs the agent of the host's architecture from dir, if it is intact;
// else it says Missing and exits with ExitMissing.
func Start(mark, dir, amd64, arm64 string, args []string) []string {
	return append([]string{"sh", "-c", startScript, "sh", mark, dir, orDash(amd64), orDash(arm64)}, args...)
}

// Upload stores standard input at path, atomically, and executes it.
func Upload(mark, path string, size int64, sum string, args []string) []string {
	return append([]string{"sh", "-c", uploadScript, "sh", mark, path, strconv.FormatInt(size, 10), sum}, args...)
}

// ParseStart recognises what Start returns, with or without sudo before it.
// Servers in tests run the agent themselves.
func ParseStart(argv []string) (mark string, args []string, ok bool) {
	i := slices.Index(argv, startScript)
	if i < 0 || len(argv) < i+6 {
		return "", nil, false
	}
	return argv[i+2], argv[i+6:], true
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
