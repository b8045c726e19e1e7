//go:build killpoints

package agentbin

import "embed"

//go:embed killpoints
var built embed.FS

// folder has the agents of the crash tests.
const folder = "killpoints"
