package user

// Kind is the kind's name in addresses; the name of a resource is the login.
const Kind = "user"

// Spec is a system user with a group of the same name, or that group alone.
type Spec struct {
	GroupOnly bool     `json:"group_only,omitempty"`
	Home      string   `json:"home,omitempty"`  // not created
	Shell     string   `json:"shell,omitempty"` // default /usr/sbin/nologin
	Groups    []string `json:"groups,omitempty"`
}
