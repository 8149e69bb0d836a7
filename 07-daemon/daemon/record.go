package daemon

import (
	"drydock/07-daemon/container"
)

// record and state are what the disk knows. They have a short name here,
// because the API's package of the same name meets them in nearly every file.
type (
	record = container.Record
	state  = container.State
)

// openRecords opens the directory of records.
func openRecords(dir string) (*container.Store, error) { return container.Open(dir) }
