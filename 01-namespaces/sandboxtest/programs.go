package sandboxtest

import (
	"debug/elf"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// standard are the programs of every test root, small and obvious.
var standard = map[string]func() int{
	"true":  func() int { return 0 },
	"false": func() int { return 1 },
	"exit":  func() int { code, _ := strconv.Atoi(arg(1)); return code },
	"echo":  func() int { fmt.Println(strings.Join(os.Args[1:], " ")); return 0 },
	"cat":   cat,
	"env":   func() int { fmt.Println(strings.Join(os.Environ(), "\n")); return 0 },
	"sleep": sleep,
	"kill":  func() int { syscall.Kill(os.Getpid(), syscall.Signal(number(1))); select {} },
	"eat":   eat,
}

func arg(i int) string {
	if i < len(os.Args) {
		return os.Args[i]
	}
	return ""
}

func number(i int) int { n, _ := strconv.Atoi(arg(i)); return n }

// cat copies files, or its input, to its output.
func cat() int {
	if len(os.Args) == 1 {
		io.Copy(os.Stdout, os.Stdin)
		return 0
	}
	for _, name := range os.Args[1:] {
		b, err := os.ReadFile(name)
		if err != nil {
			fmt.Fprintln(os.Stderr, "cat:", err)
			return 1
		}
		os.Stdout.Write(b)
	}
	return 0
}

// sleep waits for so many seconds, or for SIGTERM, which it obeys with 0.
func sleep() int {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	fmt.Println("ready")
	select {
	case <-time.After(time.Duration(number(1)) * time.Second):
	case <-term:
	}
	return 0
}

// eat touches so many megabytes and then says so.
func eat() int {
	b := make([]byte, number(1)<<20)
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
	fmt.Println("ate", len(b)>>20)
	return 0
}

// Root makes a root file system of the test binary: /bin/NAME for each of the
// standard programs and of names, /etc, /tmp, and empty /proc, /sys and /dev.
// The binary must be static: run the tests with CGO_ENABLED=0.
func Root(t testing.TB, names ...string) string {
	t.Helper()
	if dynamic("/proc/self/exe") {
		t.Fatal("the test binary is dynamically linked and cannot run in an empty root: set CGO_ENABLED=0")
	}
	root := t.TempDir()
	for _, dir := range []string{"bin", "etc", "tmp", "proc", "sys", "dev"} {
		must(t, os.Mkdir(filepath.Join(root, dir), 0o755))
	}
	must(t, os.Chmod(root, 0o755))
	binary := filepath.Join(root, "bin", "test")
	must(t, copyFile(binary, "/proc/self/exe"))
	for name := range standard {
		names = append(names, name)
	}
	for _, name := range names {
		must(t, os.Link(binary, filepath.Join(root, "bin", name)))
	}
	must(t, os.WriteFile(filepath.Join(root, "etc/passwd"), []byte("root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(root, "etc/group"), []byte("root:x:0:\nalice:x:1000:\nboat:x:50:alice\n"), 0o644))
	return root
}

// dynamic says whether a program needs a dynamic linker, which an empty root
// does not have. See elf(5).
func dynamic(file string) bool {
	f, err := elf.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	return slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
