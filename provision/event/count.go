package event

import "strconv"

// Count says how many things there are: "1 host", "2 hosts".
func Count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return strconv.Itoa(n) + " " + thing
}
