package shim

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOnlyTheProgramItselfIsGivenBack(t *testing.T) {
	const program = "00400000-00514000 r-xp 00000000 00:01 22104 /memfd:drydock-shim (deleted)\n"
	start, size, ok := clean(program)
	if !ok || uintptr(start) != 0x400000 || size != 0x114000 {
		t.Errorf("%q is %x, %x, %v", program, start, size, ok)
	}
	for _, line := range []string{
		"0065e000-0066b000 rw-p 0025e000 00:01 22104 /memfd:drydock-shim (deleted)\n", // what was written would be lost
		"162ecc000000-162ecc400000 rw-p 00000000 00:00 0 \n",
		"00400000-00514000 r-xp 00000000 00:01 22104 /usr/bin/other\n",
		"nonsense r-xp 0 0 0 /memfd:drydock-shim\n",
		"",
	} {
		if _, _, ok := clean(line); ok {
			t.Errorf("%q would be given back", line)
		}
	}
}

// TestAWaitingShimLiesDown watches a shim give back its code, and then does
// with it all that it can: the pages come back by themselves.
func TestAWaitingShimLiesDown(t *testing.T) {
	s := sleeper(t)
	awake := resident(t, s.monitor)
	for deadline := time.Now().Add(20 * restAfter); resident(t, s.monitor) > awake*2/3; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d kB of the program were in memory, %d still are", awake, resident(t, s.monitor))
		}
	}
	_, err := s.Exec(nil, command("after", "true"))
	require.NoError(t, err)
	if exit := waitExec(t, s, "after"); exit.Code != 0 {
		t.Errorf("an exec after the rest ends with %d", exit.Code)
	}
}

// resident is how much of its program a shim has in memory, in kB.
func resident(t *testing.T, pid int) (total int) {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps", pid))
	require.NoError(t, err)
	defer f.Close()
	program := false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if strings.Contains(lines.Text(), "-") && strings.Contains(lines.Text(), " ") && !strings.HasSuffix(lines.Text(), " kB") {
			program = strings.Contains(lines.Text(), "memfd:") && !strings.Contains(lines.Text(), "rw-p")
		}
		var kb int
		if n, _ := fmt.Sscanf(lines.Text(), "Rss: %d kB", &kb); n == 1 && program {
			total += kb
		}
	}
	return total
}
