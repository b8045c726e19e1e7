package etcddata

// Kind is the kind's name in addresses; the name of a resource is the data
// folder.
const Kind = "etcddata"

// Spec says which data are not to be used, or from what they come.
type Spec struct {
	Unit string `json:"unit"` // etcd's
	Log  string `json:"log"`  // folder of the write-ahead log
	// Rejoin: the host joins, and finds no data in its place but those of Removed.
	Rejoin bool `json:"anew,omitempty"`
	// Removed is the id of the member that the cluster removed, in hex; "" when
	// the data never became a member's.
	Removed string `json:"removed,omitempty"`
	// Restore is what the data must have been restored from; nil when whatever is
	// there counts.
	Restore *Restore `json:"restore,omitempty"`
}

// Aside begins the name of the folder, in the data folder, that keeps what was
// set aside last; the time follows.
const Aside = "removed-"
