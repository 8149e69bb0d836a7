package program

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/final/base/pack"
	"drydock/final/base/probe"
)

// toolTests say what each tool prints. %s in want stands for anything.
var toolTests = []struct{ script, want string }{
	{`basename /a/b.c .c`, "b\n"},
	{`dirname /a/b/; dirname b; dirname /a`, "/a\n.\n/\n"},
	{`printf 'a\nb\n' > f; cat f - < f; cat -n f`, "a\nb\na\nb\n     1\ta\n     2\tb\n"},
	{`> f; chmod 640 f; chmod u+x,o=r f; stat -c %a f; chmod 4755 f; stat -c %A f`, "744\n-rwsr-xr-x\n"},
	{`> f; chown 12:34 f; stat -c %u:%g f`, "12:34\n"},
	{`mkdir -p a/b; echo x > a/b/f; ln -s f a/b/l; cp -r a c; cat c/b/f; readlink c/b/l`, "x\nf\n"},
	{`cp nosuch x; echo $?; > f; cp f f; echo $?; mkdir d; cp -r d d/e; echo $?`, "1\n1\n1\n"},
	{`echo a:b:c | cut -d: -f1,3; echo hello | cut -c2-4`, "a:c\nell\n"},
	{`date -u -d @86400 '+%Y-%m-%d %H:%M:%S %s %a'`, "1970-01-02 00:00:00 86400 Fri\n"},
	{`df -h / | head -1`, "Filesystem %sMounted on\n"},
	{`df nosuch; echo $?`, "Filesystem %s\n1\n"},
	{`eat 3m`, "3 MiB\n"},
	{`eat nonsense; echo $?`, "1\n"},
	{`/usr/bin/false; echo -n a; $(which echo) -n b; $(which echo) c`, "abc\n"},
	{`env -i A=1 env`, "A=1\n"},
	{`mkdir d; > d/x.c; > d/y.h; find d -name '*.c'; find . -type d -maxdepth 1`, "d/x.c\n.\n./d\n"},
	{`mkdir d; > d/x; find d -name x -delete; ls d`, ""},
	{`free -m | head -1`, "%stotal%sused%s\n"},
	{`printf 'foo\nbar\nFoo\n' > f; grep foo f; grep -ic FOO f; grep -vn o f; grep -q nothing f; echo $?`, "foo\n2\n2:bar\n1\n"},
	{`echo 'a+b (c)' | grep -o 'a+b'; echo aab | grep -oE 'a+b'; echo a.b | grep -cF .`, "a+b\naab\n1\n"},
	{`seq 20 | head -n 2; seq 20 | tail -n 2; echo abc | head -c 2; echo; seq 3 | head -1`, "1\n2\n19\n20\nab\n1\n"},
	{`[ -n "$(hostname)" ] && echo named`, "named\n"},
	{`id -u; id | cut -c1-4`, "%s\nuid=\n"},
	{`$(which kill) -l | head -1; $(which kill) -0 nonsense; echo $?; sleep 9 & $(which kill) $!; wait $!; echo $?`, " 1) SIGHUP\n1\n143\n"},
	{`echo x > f; ln f g; stat -c %h g; ln -sf nosuch l; ln -sf f l; cat l`, "2\nx\n"},
	{`mkdir d; > d/b; > d/.a; ls d; ls -a d; ls -d d; ls nosuch; echo $?`, "b\n.\n..\n.a\nb\nd\n1\n"},
	{`ln -s target l; ls -l l`, "lrwxrwxrwx %s l -> target\n"},
	{`mkdir -p a/b/c; mkdir a; echo $?; mkdir -m 700 m; stat -c %a m`, "1\n700\n"},
	{`f=$(mktemp -p .); [ -f $f ] && d=$(mktemp -d -p .) && [ -d $d ] && echo made`, "made\n"},
	{`mount | head -1`, "%s on %s type %s (%s)\n"},
	{`mount nosuch /nosuch; echo $?; umount /nosuch; echo $?`, "1\n1\n"},
	{`echo x > a; mv a b; cat b; mkdir d; mv b d; cat d/b; mv nosuch x; echo $?`, "x\nx\n1\n"},
	{`[ $(nproc) -gt 0 ] && echo some`, "some\n"},
	{`ps | head -1; ps | grep -c '[p]s'`, "PID   USER     COMMAND\n%s\n"},
	{`cd /; $(which pwd)`, "/\n"},
	{`ln -s /etc l; readlink l; readlink -f l/.; readlink /; echo $?`, "/etc\n/etc\n1\n"},
	{`mkdir -p d/e; > f; rm d; echo $?; rm -r d; rm f; rm -f nosuch; ls; rm nosuch; echo $?; rm -rf /; echo $?`, "1\n1\n1\n"},
	{`mkdir -p d/e; rmdir d; echo $?; rmdir d/e d; ls`, "1\n"},
	{`echo hello | sed 's/l/L/'; echo hello | sed -e 's/l/[&]/g'; seq 3 | sed -n 2p; seq 3 | sed '$d;1d'`, "heLlo\nhe[l][l]o\n2\n2\n"},
	{`echo ab | sed -E 's/(a)(b)/\2\1$/'; echo a/b | sed 's|/|:|'; echo x > f; sed -i s/X/y/I f; cat f; echo | sed q; echo $?`, "ba$\na:b\ny\n1\n"},
	{`seq 3; seq 2 3; seq 5 -2 1`, "1\n2\n3\n2\n3\n5\n3\n1\n"},
	{`sleep 0.01s 0; sleep x; echo $?`, "1\n"},
	{`printf '10\n9\n9\n' | sort; printf '10\n9\n9\n' | sort -nu; printf 'a 2\nb 1\n' | sort -k2; printf 'a\nb\n' | sort -r`, "10\n9\n9\n9\n10\nb 1\na 2\nb\na\n"},
	{`spin 0.01`, "%s turns\n"},
	{`printf abc > f; stat -c '%s %n' f; stat nosuch; echo $?`, "3 f\n1\n"},
	{`sync; echo $?`, "0\n"},
	{`echo x | tee a b; cat a; echo y | tee -a a; cat a`, "x\nx\ny\nx\ny\n"},
	{`touch f; ls; touch -c g; ls`, "f\nf\n"},
	{`echo hello | tr a-y b-z; echo aabb | tr -s a; echo a1b2 | tr -d 0-9; echo x:y | tr : '\n'; echo Hi | tr '[:lower:]' '[:upper:]'`, "ifmmp\nabb\nab\nx\ny\nHI\n"},
	{`tty < /dev/null; echo $?`, "not a tty\n1\n"},
	{`uname; uname -n | wc -l`, "Linux\n1\n"},
	{`printf 'a\na\nb\n' | uniq -c; printf 'a\na\nb\n' | uniq -d`, "      2 a\n      1 b\na\n"},
	{`printf 'one two\nthree\n' | wc; printf 'ab' | wc -c; seq 3 > f; wc -l f`, "2 3 14\n2\n3 f\n"},
	{`which nosuch; echo $?; [ -x "$(which ls)" ] && echo found`, "1\nfound\n"},
	{`[ "$(whoami)" = "$(id -un)" ] && echo same`, "same\n"},
	{`seq 3 | xargs; seq 4 | xargs -n 2 echo x; echo a | xargs -I{} echo '<{}>'; echo | xargs false; echo x | xargs false; echo $?`, "1 2 3\nx 1 2\nx 3 4\n<a>\n123\n"},
	{`yes | head -n 2; yes no | head -1`, "y\ny\nno\n"},
	{`$(which true) && ! $(which false) && $(which test) a = a && $(which [) 1 -lt 2 ] && $(which printf) '%03d\n' 7`, "007\n"},
	{`ip addr | head -1; ip nonsense; echo $?`, "1: lo: <%s\n1\n"},
	{`fetch http://127.0.0.1:1/; echo $?; wget; echo $?`, "1\n1\n"},
}

func TestTools(t *testing.T) {
	for _, test := range toolTests {
		t.Run(test.script, func(t *testing.T) {
			t.Parallel()
			got := sh(t, test.script)
			want := "^" + strings.ReplaceAll(regexp.QuoteMeta(test.want), "%s", "(?s:.*)") + "$"
			if !regexp.MustCompile(want).MatchString(got.out) {
				t.Errorf("%s\nprints %q, want %q\n%s", test.script, got.out, test.want, got.err)
			}
		})
	}
}

func TestEveryNameIsTested(t *testing.T) {
	var scripts strings.Builder
	for _, test := range toolTests {
		scripts.WriteString(test.script + "\n")
	}
	words := regexp.MustCompile(`[\w\[]+`).FindAllString(scripts.String(), -1)
	for _, links := range pack.Links() {
		for _, link := range links {
			if !slices.Contains(append(words, "sh", "httpd", "probe"), link) { // these three have tests of their own
				t.Errorf("no test uses %s", link)
			}
		}
	}
}

func TestEveryToolHasItsLink(t *testing.T) {
	out, err := exec.Command(filepath.Join(house, "tool")).Output()
	require.NoError(t, err)
	names, links := strings.Fields(string(out)), pack.Links()["tool"]
	slices.Sort(names)
	slices.Sort(links)
	if !slices.Equal(names, links) {
		t.Errorf("the program knows %v, the image links %v", names, links)
	}
}

// TestWhatStartsOftenLinksLittle guards the start-up time by its cause:
// packages that are linked are initialised, used or not.
func TestWhatStartsOftenLinksLittle(t *testing.T) {
	for program, heavy := range map[string][]string{
		"tool":  {"net", "net/http", "encoding/json", "text/template", "mvdan.cc/sh/v3/interp"},
		"shell": {"net", "net/http", "encoding/json", "text/template"},
	} {
		out, err := exec.Command("go", "list", "-deps", "drydock/final/base/"+program).Output()
		require.NoError(t, err)
		for _, dep := range strings.Fields(string(out)) {
			if slices.Contains(heavy, dep) {
				t.Errorf("%s links %s, which is paid for at every start", program, dep)
			}
		}
	}
}

func TestProbeReports(t *testing.T) {
	cmd := exec.Command(filepath.Join(house, "probe"))
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"A=b"}
	out, err := cmd.Output()
	require.NoError(t, err)
	var r probe.Report
	require.NoError(t, json.Unmarshal(out, &r))
	here, err := os.Readlink("/proc/self/ns/net")
	require.NoError(t, err)
	for _, check := range []struct {
		what string
		ok   bool
	}{
		{"our network namespace", r.Namespaces["net"] == here},
		{"eight namespaces", len(r.Namespaces) >= 8},
		{"its parent", r.PPID == os.Getpid()},
		{"our user", r.UID == os.Geteuid()},
		{"its directory", r.Dir == cmd.Dir},
		{"its environment", slices.Equal(r.Env, cmd.Env)},
		{"five sets of capabilities", len(r.Caps) == 5},
		{"an id map", len(r.UIDMap) > 0},
		{"a group", len(r.Cgroups) > 0},
		{"sixteen limits", len(r.Limits) == 16},
		{"a root mount", slices.ContainsFunc(r.Mounts, func(m probe.Mount) bool { return m.Target == "/" })},
		{"the loopback", slices.ContainsFunc(r.Interfaces, func(i probe.Interface) bool { return i.Name == "lo" })},
		{"itself among the processes", slices.Contains(r.PIDs, r.PID)},
		{"its standard streams", r.FDs["0"] != "" && r.FDs["1"] != "" && r.FDs["2"] != ""},
		{"no error", len(r.Errors) == 0},
	} {
		if !check.ok {
			t.Errorf("the probe does not report %s: %+v", check.what, r)
		}
	}
}

func TestWebServerAnswers(t *testing.T) {
	// The kernel chooses no port for us here: the server must be asked by name.
	script := `httpd -p 127.0.0.1:$PORT -e hello & p=$!
		until fetch 127.0.0.1:$PORT > got 2>/dev/null; do kill -0 $p || exit 1; sleep 0.01; done
		cat got; wget -qO- 127.0.0.1:$PORT; kill $p; wait $p; echo $?
		echo page > index.html; httpd -p 127.0.0.1:$PORT . & p=$!
		until wget -q http://127.0.0.1:$PORT/; do kill -0 $p || exit 1; sleep 0.01; done
		cat index.html; fetch 127.0.0.1:$PORT/none; echo $?; kill $p`
	got := sh(t, strings.ReplaceAll(script, "$PORT", "28473"))
	if got.out != lines("hello", "hello", "143", "page", "1") || !strings.Contains(got.err, "404 Not Found") {
		t.Errorf("the server and the client do not understand each other: %+v", got)
	}
}

func BenchmarkTrue(b *testing.B) {
	for b.Loop() {
		require.NoError(b, exec.Command(filepath.Join(house, "true")).Run())
	}
}
