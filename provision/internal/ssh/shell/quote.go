package shell

import (
	"errors"
	"fmt"
	"strings"
)

// Join quotes argv so that a POSIX shell splits it into the same words.
func Join(argv []string) (string, error) {
	if len(argv) == 0 {
		return "", errors.New("quoting a command: no words")
	}
	words := make([]string, len(argv))
	for i, word := range argv {
		if strings.ContainsRune(word, 0) {
			return "", fmt.Errorf("quoting a command: word %d holds a NUL byte", i)
		}
		// A bare first word could be an alias, a keyword or an assignment.
		if plain(word) && (i > 0 || strings.Contains(word, "/")) {
			words[i] = word
			continue
		}
		words[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return strings.Join(words, " "), nil
}

func plain(word string) bool {
	for _, r := range word {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		case strings.ContainsRune("_./:,@+-", r):
		default:
			return false
		}
	}
	return word != ""
}

// Split undoes Join. It knows the quoting that Join writes and no more; it
// serves servers in tests.
func Split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	open, quoted := false, false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quoted && c == '\'':
			quoted = false
		case quoted:
			word.WriteByte(c)
		case c == '\'':
			open, quoted = true, true
		case c == '\\' && i+1 < len(line):
			i++
			open = true
			word.WriteByte(line[i])
		case c == ' ':
			if open {
				words = append(words, word.String())
				word.Reset()
				open = false
			}
		default:
			open = true
			word.WriteByte(c)
		}
	}
	if quoted {
		return nil, errors.New("splitting a command: a quote is not closed")
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}
