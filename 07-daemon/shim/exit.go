package shim

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"drydock/07-daemon/stdio"
)

// exitName is what a shim leaves behind, in Bundle.Dir.
const exitName = "exit.json"

// Exited reads dir/exit.json, what a shim left that ended while no daemon
// looked; fs.ErrNotExist if it left nothing.
func Exited(dir string) (Status, error) {
	var s Status
	text, err := os.ReadFile(filepath.Join(dir, exitName))
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("read %s: %w", filepath.Join(dir, exitName), err)
	}
	return s, nil
}

// leaveExit writes exit.json as a whole. It is not synced: nothing that it
// tells of outlives the power. See rename(2).
func leaveExit(dir string, s Status) error {
	text := fmt.Appendf(nil, `{"Pid":%d,"OOMKilled":%t,"Exit":{"Code":%d,"Signal":%d,"Core":%t,"At":"%s"},"Error":"%s"}`,
		s.Pid, s.OOMKilled, s.Exit.Code, s.Exit.Signal, s.Exit.Core,
		s.Exit.At.UTC().Format(time.RFC3339Nano), stdio.AppendString(nil, []byte(s.Error)))
	path := filepath.Join(dir, exitName)
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
