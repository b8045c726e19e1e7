//go:build !killpoints

package agentbin

import "embed"

//go:embed bin
var built embed.FS

const folder = "bin"
