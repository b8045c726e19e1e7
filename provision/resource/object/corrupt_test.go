package object

import (
	"encoding/json"
	"testing"

	"provision/test/corrupt"
)

// Others write the records of who owns which field, too.
func TestDamagedRecordsOfFields(t *testing.T) {
	want := map[string]any{"metadata": map[string]any{"name": "c"}, "data": map[string]any{"a": "1"}}
	corrupt.FeedN(t, 1, 500, func(in []byte) bool {
		var live map[string]any
		if json.Unmarshal(in, &live) != nil {
			return false
		}
		for _, path := range dropped(want, live) {
			_ = value(live, path)
		}
		return true
	}, []byte(`{"metadata":{"name":"c","managedFields":[{"manager":"provision","operation":"Apply","fieldsV1":{"f:data":{"f:a":{},"f:gone":{}}}}]},"data":{"a":"1","gone":"x"}}`))
}
