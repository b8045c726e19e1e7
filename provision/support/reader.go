package support

import "provision/provision/checkup"

// Reader looks at a cluster and changes nothing.
type Reader struct{ *checkup.Reader }
