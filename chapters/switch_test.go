package chapters

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/01-namespaces/sandboxtest"
)

// The learner's switch: a workspace file decides whose chapter is used, for
// the checks and for the engine. This test is a learner of chapter 2 who has
// one function wrong.

// learn makes a learner's folder: a copy of one module, in which change was
// made to one file, and a workspace file that uses it beside the reference.
func learn(t *testing.T, module, file string, change func(string) string) (work string) {
	t.Helper()
	top, err := filepath.Abs("..")
	require.NoError(t, err)
	dir := t.TempDir()
	own := filepath.Join(dir, module)
	require.NoError(t, os.CopyFS(own, os.DirFS(filepath.Join(top, module))))

	path := filepath.Join(own, file)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	after := change(string(before))
	require.NotEqual(t, string(before), after, "the change must change something")
	require.NoError(t, os.WriteFile(path, []byte(after), 0o644))

	// Every replace of the learner's go.mod points at the reference; the
	// workspace overrides it where the learner has a module of his own.
	gomod, err := os.ReadFile(filepath.Join(own, "go.mod"))
	require.NoError(t, err)
	moved := strings.ReplaceAll(string(gomod), "=> ../", "=> "+top+"/")
	require.NoError(t, os.WriteFile(filepath.Join(own, "go.mod"), []byte(moved), 0o644))

	reference, err := os.ReadFile(filepath.Join(top, "go.work"))
	require.NoError(t, err)
	text := strings.ReplaceAll(string(reference), "\t./", "\t"+top+"/")
	text = strings.ReplaceAll(text, "\t"+top+"/"+module+"\n", "\t"+own+"\n")
	work = filepath.Join(dir, "go.work")
	require.NoError(t, os.WriteFile(work, []byte(text), 0o644))
	sums, err := os.ReadFile(filepath.Join(top, "go.work.sum"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.work.sum"), sums, 0o644))
	return work
}

// check runs the checks of one package in a learner's workspace.
func check(work, pkg, name string) (string, error) {
	cmd := exec.Command("go", "test", "-count=1", "-run", name, pkg)
	cmd.Env = append(os.Environ(), "GOWORK="+work, "CGO_ENABLED=0")
	cmd.Dir = filepath.Dir(work)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestTheSameChecksJudgeALearnersChapter(t *testing.T) {
	sandboxtest.NeedRoot(t)
	const name = "TestLimitsBecomeLinesForTheKernel"
	same := learn(t, "02-cgroups", "cgroup/limits.go", func(s string) string { return s + "\n// mine\n" })
	if out, err := check(same, "drydock/02-cgroups/cgroup", name); err != nil {
		t.Errorf("a chapter that is right passes its checks; it failed: %s", out)
	}
	wrong := learn(t, "02-cgroups", "cgroup/limits.go", offByOne)
	out, err := check(wrong, "drydock/02-cgroups/cgroup", name)
	if err == nil || !strings.Contains(out, "pids.max") {
		t.Errorf("a chapter that writes a wrong pids.max must fail its check, and the failure must name the file; got %v: %s", err, out)
	}
}

// offByOne is the learner's mistake.
func offByOne(s string) string { return strings.ReplaceAll(s, "orMax(l.PIDs)", "orMax(l.PIDs+1)") }

func TestTheEngineIsMadeOfALearnersChapter(t *testing.T) {
	sandboxtest.NeedRoot(t)
	theirs := limitOf(t, build(t, ""))
	mine := limitOf(t, build(t, learn(t, "02-cgroups", "cgroup/limits.go", offByOne)))
	if theirs != "33" || mine != "34" {
		t.Errorf("--pids-limit 33 on the reference gives %s (want 33), on the learner's chapter, which adds one, %s (want 34)", theirs, mine)
	}
}

// limitOf starts the engine in bin and asks the kernel for the limit that a
// container with --pids-limit 33 got.
func limitOf(t *testing.T, bin string) string {
	t.Helper()
	s := newStage(bin, filepath.Join(bin, "drydock"), t.TempDir())
	require.NoError(t, s.open())
	defer s.clear()
	out, err := exec.Command(s.client, "-H", s.host(), "run", "-d", "--pids-limit", "33", "--network", "none", "drydock/base", "sleep", "1000").CombinedOutput()
	require.NoError(t, err, string(out))
	out, err = exec.Command(s.client, "-H", s.host(), "inspect", "--format", "{{.State.Pid}}", strings.TrimSpace(string(out))).Output()
	require.NoError(t, err)
	return pidsMax(t, strings.TrimSpace(string(out)))
}

// pidsMax reads the limit of the group that process pid is in, on either
// hierarchy.
func pidsMax(t *testing.T, pid string) string {
	t.Helper()
	groups, err := os.ReadFile(fmt.Sprintf("/proc/%s/cgroup", pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		for _, dir := range []string{"/sys/fs/cgroup/pids", "/sys/fs/cgroup"} {
			if b, err := os.ReadFile(filepath.Join(dir, parts[2], "pids.max")); err == nil && (parts[1] == "pids" || parts[0] == "0") {
				return strings.TrimSpace(string(b))
			}
		}
	}
	t.Fatalf("process %s has no pids.max: %s", pid, groups)
	return ""
}
