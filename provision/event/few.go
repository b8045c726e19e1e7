package event

import (
	"fmt"
	"strings"
)

// Few lists names, the first ones of many.
func Few(names []string) string {
	const few = 5
	if len(names) <= few+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}
