package program

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestScripts is what scripts in images use of a shell.
func TestScripts(t *testing.T) {
	for _, test := range []struct {
		name, script, want string
		code               int
	}{
		{"command substitution", `echo "$(echo a b)" $(echo c)`, "a b c\n", 0},
		{"backquotes", "echo `echo x`", "x\n", 0},
		{"a pipe of three", `printf 'b\na\n' | sort | tr a-z A-Z`, "A\nB\n", 0},
		{"the status of a pipe is its last", `false | true; echo $?`, "0\n", 0},
		{"for over words", `for i in 1 2 3; do printf $i; done; echo`, "123\n", 0},
		{"for over arguments", `for i; do echo $i; done`, "one\ntwo words\n", 0},
		{"while counts", `i=0; while [ $i -lt 3 ]; do i=$((i+1)); done; echo $i`, "3\n", 0},
		{"until", `i=0; until [ $i = 2 ]; do i=$((i+1)); done; echo $i`, "2\n", 0},
		{"break and continue", `for i in 1 2 3 4; do [ $i = 2 ] && continue; [ $i = 4 ] && break; echo $i; done`, "1\n3\n", 0},
		{"case with patterns", `case foobar in (x) echo no;; foo*|bar) echo yes;; esac`, "yes\n", 0},
		{"if, elif, else", `if false; then echo 1; elif true; then echo 2; else echo 3; fi`, "2\n", 0},
		{"here-document", "x=1\ncat <<END\n$x $((1+1))\nEND", "1 2\n", 0},
		{"quoted here-document", "cat <<'END'\n$x\nEND", "$x\n", 0},
		{"indented here-document", "cat <<-END\n\ttext\n\tEND", "text\n", 0},
		{"function and return", `f() { echo "$# $1"; return 3; }; f a b; echo $?`, "2 a\n3\n", 0},
		{"local variables", `x=1; f() { local x=2; }; f; echo $x`, "1\n", 0},
		{"arithmetic", `echo $((2*(3+4)%5)) $((1<<4)) $((5>3))`, "4 16 1\n", 0},
		{"and, or", `true && echo a || echo b; false && echo c || echo d`, "a\nd\n", 0},
		{"negation", `! false; echo $?`, "0\n", 0},
		{"errors into a pipe", `ls /nosuch 2>&1 | grep -c nosuch`, "1\n", 0},
		{"to and from files", `echo a > f; echo b >> f; cat < f; cat f 2>/dev/null`, "a\nb\na\nb\n", 0},
		{"a failed redirection", `echo x > /nosuch/f; echo $?`, "1\n", 0},
		{"quoted arguments stay whole", `printf '<%s>' "$@"; echo`, "<one><two words>\n", 0},
		{"the count of arguments", `echo $# $0; shift; echo $#`, "2 name\n1\n", 0},
		{"set -e ends", `set -e; false; echo no`, "", 1},
		{"set -e spares conditions", `set -e; if false; then :; fi; false || echo ok; echo end`, "ok\nend\n", 0},
		{"set -u ends", `set -u; echo $nosuch; echo no`, "", 1},
		{"$? inside a subshell", `false; (echo $?); false; x=$(echo $?); echo $x`, "1\n1\n", 0},
		{"a subshell keeps its changes", `x=1; (x=2; cd /); echo $x`, "1\n", 0},
		{"a subshell's exit is not ours", `(exit 4); echo $?`, "4\n", 0},
		{"defaults and cuts", `x=a.tar.gz; echo ${y:-none} ${x%.gz} ${x##*.} ${#x}`, "none a.tar gz 8\n", 0},
		{"globs", `touch b.c a.c; echo *.c; echo *.none`, "a.c b.c\n*.none\n", 0},
		{"read splits", `echo "a b c" | { read x y; echo "$y"; }`, "b c\n", 0},
		{"while read", `printf '1\n2\n' | while read -r n; do echo "n$n"; done`, "n1\nn2\n", 0},
		{"eval and command", `c='echo "a  b"'; eval "$c"; command echo c`, "a  b\nc\n", 0},
		{"export reaches programs", `A=1; export B=2; C=3 env | grep '^[ABC]='| sort`, "B=2\nC=3\n", 0},
		{"a sourced file", `echo 'x=5' > f; . ./f; echo $x`, "5\n", 0},
		{"getopts", `set -- -a -b v; while getopts ab: o; do echo $o$OPTARG; done`, "a\nbv\n", 0},
		{"background and wait", `sleep 0.05 & wait $!; echo $?; (exit 7) & wait $!; echo $?`, "0\n7\n", 0},
		{"$! is a process id", `sleep 9 & kill -0 $! && [ -d /proc/$! ] && echo there; kill $!; wait $!; echo $?`, "there\n143\n", 0},
		{"several jobs", `for i in 1 2 3; do echo $i > f$i & done; wait; cat f1 f2 f3`, "1\n2\n3\n", 0},
		{"a job that is a loop", `while :; do sleep 0.02; done & kill $!; wait $!; echo $?`, "143\n", 0},
		{"a job that is a function", `f() { return 5; }; f & wait $!; echo $?`, "5\n", 0},
		{"a job made by eval", `eval 'sleep 0.02 &'; wait $!; echo $?`, "0\n", 0},
		{"a job that fails to expand", `set -u; sleep $nosuch & wait; echo end`, "end\n", 0},
		{"a job under set -e", `set -e; (false; echo no) & wait $! || echo $?`, "1\n", 0},
		{"a job's own exit trap", `{ trap 'echo bye' EXIT; exit 4; } & wait $!; echo $?`, "bye\n4\n", 0},
		{"a job in a job", `(sleep 0.02 & wait $!; echo in) & wait; echo out`, "in\nout\n", 0},
		{"a job that pipes", `echo a | cat & wait $!; echo $?`, "a\n0\n", 0},
		{"a stranger cannot be waited for", `wait 1; echo $?`, "127\n", 0},
		{"exit trap", `trap 'echo bye' EXIT; echo hi; exit 3`, "hi\nbye\n", 3},
		{"a trap on the way", `trap 'echo got $?' USR1; kill -USR1 $$; echo next`, "got 0\nnext\n", 0},
		{"traps can be listed and taken back", `trap 'echo x' HUP; trap; trap - HUP; trap`, "trap -- 'echo x' HUP\n", 0},
		{"an ignored signal", `trap '' TERM; kill $$; echo alive`, "alive\n", 0},
		{"a trap that is no shell", `trap 'if' TERM; echo $?`, "2\n", 0},
		{"umask of a subshell", `umask 077; (umask 022; > a); > b; stat -c %a a b`, "644\n600\n", 0},
		{"ulimit is inherited", `ulimit -n 99; sh -c 'ulimit -n'`, "99\n", 0},
		{"exec replaces", `echo $$ > pid; exec sh -c 'read p < pid; [ $p = $$ ] && echo same'; echo no`, "same\n", 0},
		{"exec with redirections only", `exec > f; echo x; cat f >&2`, "", 0},
		{"exec in a subshell", `(exec echo a); echo b`, "a\nb\n", 0},
		{"missing program", `nosuch; echo $?`, "127\n", 0},
		{"missing program at the end", `nosuch`, "", 127},
		{"a file that may not run", `echo x > f; ./f; echo $?`, "126\n", 0},
		{"a script without #!", `echo 'echo "$1"' > f; chmod +x f; ./f arg`, "arg\n", 0},
		{"a syntax error", `if`, "", 2},
		{"exit code", `exit 42`, "", 42},
		{"killed by a signal", `sh -c 'kill -9 $$'; echo $?`, "137\n", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := sh(t, test.script, "name", "one", "two words")
			if got.out != test.want || got.code != test.code {
				t.Errorf("%s\nprints %q and exits %d, a POSIX shell prints %q and exits %d\n%s",
					test.script, got.out, got.code, test.want, test.code, got.err)
			}
		})
	}
}

func TestInvocations(t *testing.T) {
	file := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(file, []byte("#!/bin/sh\necho $0 $1 $-\n"), 0o755))
	for _, test := range []struct {
		words       []string
		stdin, want string
		code        int
	}{
		{[]string{file, "x"}, "", file + " x\n", 0},
		{[]string{"-e", file, "x"}, "", file + " x e\n", 0},
		{[]string{"-ec", "false; echo no"}, "", "", 1},
		{[]string{"-c", "echo $0"}, "", "sh\n", 0},
		{[]string{"-s", "a"}, "echo $1\n", "a\n", 0},
		{nil, "echo 1\nread x\nline\necho $x\ntrap 'echo end' EXIT\n", "1\nline\nend\n", 0},
		{nil, "exit 6\necho no\n", "", 6},
		{[]string{"-c"}, "", "", 2},
		{[]string{"/nosuch"}, "", "", 127},
	} {
		cmd := exec.CommandContext(t.Context(), filepath.Join(house, "sh"), test.words...)
		cmd.Stdin = strings.NewReader(test.stdin)
		cmd.Env = []string{"PATH=" + house}
		got := finish(t, cmd, context.Background())
		if got.out != test.want || got.code != test.code {
			t.Errorf("sh %q with %q on standard input prints %q and exits %d, want %q and %d",
				test.words, test.stdin, got.out, got.code, test.want, test.code)
		}
	}
}

// TestTermWhileBusy sends SIGTERM while the shell is occupied in different
// ways, as an ordinary process and as the first of a pid namespace, for which
// the kernel has no default actions.
func TestTermWhileBusy(t *testing.T) {
	for _, test := range []struct{ name, script, want string }{
		{"sleeping", `trap 'echo bye; exit 3' TERM; echo ready; sleep 100`, "bye\n"},
		{"waiting", `trap 'kill $!; echo bye; exit 3' TERM; sleep 100 & echo ready; wait; echo no`, "bye\n"},
		{"waiting for one", `trap 'kill $p; wait $p; echo $?; exit 3' TERM; sleep 100 & p=$!; echo ready; wait $p`, "143\n"},
		{"looping", `trap 'echo bye; exit 3' TERM; echo ready; while :; do :; done`, "bye\n"},
		{"in a function", `f() { while :; do sleep 0.01; done; }; trap 'echo bye; exit 3' TERM; echo ready; f`, "bye\n"},
		{"the trap goes on", `trap n=1 TERM; echo ready; while [ -z "$n" ]; do sleep 0.01; done; exit 3`, ""},
		{"redirected", `trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.01; done >/dev/null`, ""},
		{"no trap", `echo ready; while :; do :; done`, "default"},
	} {
		for _, first := range []bool{false, true} {
			t.Run(test.name+map[bool]string{true: " as process 1"}[first], func(t *testing.T) {
				t.Parallel()
				terminate(t, test.script, test.want, first)
			})
		}
	}
}

// terminate runs a script until it is ready, sends SIGTERM and compares.
func terminate(t *testing.T, script, want string, first bool) {
	if first && os.Geteuid() != 0 {
		t.Skip("needs root: a pid namespace of its own")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(house, "sh"), "-c", script)
	cmd.Env = []string{"PATH=" + house}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if first {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWPID
	}
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	out := bufio.NewReader(pipe)
	ready, err := out.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", ready)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	said, err := io.ReadAll(out)
	require.NoError(t, err)
	_ = cmd.Wait()
	require.NoError(t, ctx.Err(), "SIGTERM does not end the shell")
	code := cmd.ProcessState.ExitCode()
	if want == "default" {
		want = ""
		if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() == syscall.SIGTERM || code == 143 {
			code = 3
		}
	}
	if string(said) != want || code != 3 {
		t.Errorf("after SIGTERM the shell says %q and exits %d, want %q and the trap's 3", said, code, want)
	}
}

func TestTheFirstProcessReapsOrphans(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: a pid namespace of its own")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	script := `mount -t proc proc /proc; sh -c 'sleep 0.05 & echo $! > orphan; exit 0'
		read p < orphan; while [ -e /proc/$p ]; do sleep 0.01; done; echo reaped; umount /proc`
	cmd := exec.CommandContext(ctx, filepath.Join(house, "sh"), "-c", script)
	cmd.Dir, cmd.Env = t.TempDir(), []string{"PATH=" + house}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	got := finish(t, cmd, ctx)
	if got.out != "reaped\n" {
		t.Errorf("an orphan of the namespace stays a zombie: %+v", got)
	}
}
