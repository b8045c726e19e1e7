package api

// Bounds of the records that a host keeps.
const (
	// MaxHistoryFile is the size of one record.
	MaxHistoryFile = 4 << 20
	// MaxHistoryRun is that of a record whose name ends in RunSuffix: these are
	// answered together.
	MaxHistoryRun = 16 << 10
	// MaxHistoryFiles is how many there are.
	MaxHistoryFiles = 1000
)

// RunSuffix ends the names of the records that tell of runs. What the others
// are is the operator's affair.
const RunSuffix = ".run"

// HistoryParams first puts and drops, which only the holder of the lock may,
// then reads. Names are of lower case letters, digits, '.' and '-'.
type HistoryParams struct {
	Put  map[string][]byte `json:"put,omitempty"`
	Drop []string          `json:"drop,omitempty"`
	// Runs asks for the contents of all records of runs, Get for one record.
	Runs bool   `json:"runs,omitempty"`
	Get  string `json:"get,omitempty"`
}

// HistoryResult are the sizes of all records, and what was asked for. What is
// missing or too large has no content.
type HistoryResult struct {
	Sizes   map[string]int64  `json:"sizes,omitempty"`
	Content map[string][]byte `json:"content,omitempty"`
}

// HistoryName reports whether a record may have the name.
func HistoryName(name string) bool {
	if name == "" || len(name) > 100 || name[0] == '.' || name[0] == '-' {
		return false
	}
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' {
			return false
		}
	}
	return true
}
