package rules

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// maxPackage is how many production lines a package may have: what one reads in
// an hour. maxFacade is the façade's: it composes, and does little itself.
const (
	maxPackage = 2500
	maxFacade  = 1200
)

// large are the packages that may have more, with the reason, and how much.
var large = map[string]struct {
	lines int
	why   string
}{
	"provision/lab":       {4500, "one idea, a host of a lab, in many small files: rooms for racks and machines are to come"},
	"provision/inventory": {4950, "one schema in many small files, one per block"},
}

func TestPackagesAreReadInAnHour(t *testing.T) {
	for folder, files := range folders(sources(t)) {
		lines := 0
		for _, s := range files {
			if !s.test {
				lines += s.lines
			}
		}
		limit := maxPackage
		if folder == "provision" {
			limit = maxFacade
		}
		if exception, ok := large[folder]; ok {
			assert.Greater(t, lines, maxPackage, "%s is no exception any more: take it off the list", folder)
			assert.NotEmpty(t, exception.why, folder)
			limit = exception.lines
		}
		assert.LessOrEqual(t, lines, limit, "package %s is too large: move a part to where a reader would look for it, or say in test/rules/size_test.go why not", folder)
	}
}
