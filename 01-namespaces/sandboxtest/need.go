package sandboxtest

import (
	"os"
	"testing"
)

// NeedRoot skips the test for an ordinary user.
func NeedRoot(t testing.TB) {
	t.Helper()
	uid, _ := os.ReadFile("/proc/self/uid_map")
	if os.Geteuid() != 0 || len(uid) == 0 || string(uid) != fullMap {
		t.Skip("needs root of the machine")
	}
}

// fullMap is /proc/self/uid_map outside of any user namespace.
const fullMap = "         0          0 4294967295\n"
