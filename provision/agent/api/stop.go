package api

// StopParams are the units, in order. Only the holder of the lock may stop any;
// the next apply starts those that are wanted.
type StopParams struct {
	Epoch uint64     `json:"epoch"`
	Units []StopUnit `json:"units"`
}

// StopUnit is one of them.
type StopUnit struct {
	Name string `json:"name"`
	// Disable: it does not come back with a boot, either.
	Disable bool `json:"disable,omitempty"`
	// Kill: it gets no time to end.
	Kill bool `json:"kill,omitempty"`
}
