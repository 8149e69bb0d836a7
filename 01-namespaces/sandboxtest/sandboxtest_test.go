package sandboxtest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestMain(m *testing.M) {
	Main(m, map[string]func() int{"nine": func() int { return 9 }})
}

func TestTestsRunInAWorldOfTheirOwn(t *testing.T) {
	if os.Getppid() != 0 || os.Getpid() != 1 {
		t.Errorf("we are process %d of %d, want the first of a PID namespace", os.Getpid(), os.Getppid())
	}
	links, err := net.Interfaces()
	if err != nil || len(links) == 0 || links[0].Name != "lo" || links[0].Flags&net.FlagUp == 0 {
		t.Errorf("lo must be up and first: %v, %v", links, err)
	}
	if _, err := net.Dial("udp", "192.0.2.1:9"); err == nil {
		t.Error("there is a route out")
	}
}

func TestRootHoldsProgramsThatRun(t *testing.T) {
	root := Root(t, "nine")
	for name, want := range map[string]int{"nine": 9, "false": 1, "true": 0} {
		cmd := exec.Command(filepath.Join(root, "bin", name))
		cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("%s ended with %d, want %d", name, got, want)
		}
	}
	out, err := exec.Command(filepath.Join(root, "bin/echo"), "a", "b").Output()
	if err != nil || string(out) != "a b\n" {
		t.Errorf("echo said %q, %v", out, err)
	}
}

func TestDynamicBinariesAreRecognised(t *testing.T) {
	if dynamic("/proc/self/exe") {
		t.Error("the test binary is dynamic: CGO_ENABLED=0 is missing")
	}
	linked, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("needs a dynamically linked program")
	}
	if !dynamic(linked) {
		t.Errorf("%s is said to be static", linked)
	}
}
