package store

import (
	"encoding/json"
	"fmt"

	"provision/provision/bundle"
)

// IndexFile is the name of the index in an exported folder or archive; the
// blobs lie beside it in the folder BlobFolder.
const (
	IndexFile  = "index.json"
	BlobFolder = "blobs"
)

// Index lists the records of an export.
type Index struct {
	FormatVersion int      `json:"format_version"`
	Records       []Record `json:"records"`
}

// ParseIndex decodes an index and refuses one that could not be used.
func ParseIndex(data []byte) (Index, error) {
	var idx Index
	if err := json.Unmarshal(data, &idx); err != nil {
		return idx, fmt.Errorf("decoding the bundle's index: %w", err)
	}
	if idx.FormatVersion != FormatVersion {
		return idx, fmt.Errorf("cannot read the bundle's index: format %d, this provision reads %d", idx.FormatVersion, FormatVersion)
	}
	for _, rec := range idx.Records {
		if err := rec.check(); err != nil {
			return idx, fmt.Errorf("reading the bundle's index: %w", err)
		}
	}
	return idx, nil
}

// Find returns the record of an artifact.
func (i Index) Find(ref bundle.Ref) (Record, bool) {
	for _, rec := range i.Records {
		if rec.Ref == ref {
			return rec, true
		}
	}
	return Record{}, false
}
