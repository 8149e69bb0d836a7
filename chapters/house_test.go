// Package chapters holds what looks at all modules from above: the house
// test, the stories, and the learner's switch.
package chapters

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mayImport is the plan of the house. A module may lean on what its line
// names and on nothing else; keep the lines in the order of the chapters.
var mayImport = map[string]string{
	"01-namespaces": "",
	"02-cgroups":    "01-namespaces", // its demo and tests only
	"03-overlayfs":  "01-namespaces",
	"04-images":     "03-overlayfs 01-namespaces",
	"05-registry":   "04-images",
	"06-networking": "01-namespaces",
	"07-daemon":     "06-networking 02-cgroups 01-namespaces",
	"08-dockerfile": "04-images 03-overlayfs 01-namespaces",
	"final":         "08-dockerfile 07-daemon 06-networking 05-registry 04-images 03-overlayfs 02-cgroups 01-namespaces",
}

// testsMayImport is what every module's tests may use besides.
const testsMayImport = "drydock/01-namespaces/sandboxtest"

// A source is one parsed Go file of the tree.
type source struct {
	path string // from the top: 01-namespaces/mount/mount.go
	file *ast.File
	fset *token.FileSet
}

func (s source) module() string { return strings.Split(s.path, "/")[0] }
func (s source) pkg() string    { return filepath.Dir(s.path) }
func (s source) test() bool     { return strings.HasSuffix(s.path, "_test.go") }

// sources parses every Go file below the modules, their tests included.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	fset := token.NewFileSet()
	for module := range mayImport {
		err := filepath.WalkDir(filepath.Join("..", module), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			file, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
			all = append(all, source{strings.TrimPrefix(path, "../"), file, fset})
			return err
		})
		require.NoError(t, err)
	}
	slices.SortFunc(all, func(a, b source) int { return strings.Compare(a.path, b.path) })
	return all
}

func TestImportsFollowThePlan(t *testing.T) {
	for _, s := range sources(t) {
		allowed := strings.Fields(mayImport[s.module()])
		for _, spec := range s.file.Imports {
			path := strings.Trim(spec.Path.Value, `"`)
			module, inHouse := strings.CutPrefix(path, "drydock/")
			module = strings.Split(module, "/")[0]
			switch {
			case !inHouse, module == s.module(), slices.Contains(allowed, module):
			case s.test() && path == testsMayImport:
			default:
				t.Errorf("%s imports %s: %s may lean on %q only", s.path, path, s.module(), mayImport[s.module()])
			}
		}
	}
}

func TestImportsNeedNoAlias(t *testing.T) {
	for _, s := range sources(t) {
		for _, spec := range s.file.Imports {
			house := strings.HasPrefix(spec.Path.Value, `"drydock/`)
			if house && spec.Name != nil && !s.test() {
				t.Errorf("%s imports %s as %s: two packages that meet must not share a name", s.path, spec.Path.Value, spec.Name)
			}
		}
	}
}

func TestEveryPackageIsExplainedOnce(t *testing.T) {
	explained := map[string][]string{}
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		if explained[s.pkg()] == nil {
			explained[s.pkg()] = []string{}
		}
		if s.file.Doc != nil {
			explained[s.pkg()] = append(explained[s.pkg()], s.path)
		}
	}
	for pkg, files := range explained {
		if len(files) != 1 {
			t.Errorf("package %s: its comment must stand in exactly one file, it stands in %v", pkg, files)
		}
	}
}

func TestExportedNamesAreDocumented(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() || s.file.Name.Name == "main" {
			continue
		}
		for _, decl := range s.file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Name.IsExported() && exportedReceiver(fn) && fn.Doc == nil && !wellKnown(fn) {
				t.Errorf("%s: %s has no comment", s.fset.Position(fn.Pos()), fn.Name)
			}
			if gen, ok := decl.(*ast.GenDecl); ok {
				undocumented(t, s, gen)
			}
		}
	}
}

// wellKnown methods mean in every type what the standard library says.
func wellKnown(fn *ast.FuncDecl) bool {
	return fn.Recv != nil && slices.Contains([]string{"Error", "Is", "Unwrap", "String"}, fn.Name.Name)
}

func undocumented(t *testing.T, s source, gen *ast.GenDecl) {
	for _, spec := range gen.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && gen.Doc == nil && spec.Doc == nil {
				t.Errorf("%s: type %s has no comment", s.fset.Position(spec.Pos()), spec.Name)
			}
		case *ast.ValueSpec:
			if spec.Names[0].IsExported() && gen.Doc == nil && spec.Doc == nil && spec.Comment == nil {
				t.Errorf("%s: %s has no comment", s.fset.Position(spec.Pos()), spec.Names[0])
			}
		}
	}
}

// exportedReceiver is true for functions, and for methods of exported types.
func exportedReceiver(fn *ast.FuncDecl) bool {
	if fn.Recv == nil {
		return true
	}
	name := strings.TrimLeft(types(fn.Recv.List[0].Type), "*")
	return ast.IsExported(strings.Split(name, "[")[0])
}

// types renders a type expression well enough to look at its names.
func types(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return "*" + types(e.X)
	case *ast.IndexExpr:
		return types(e.X) + "["
	}
	return ""
}

func TestExportedSignaturesMentionExportedTypes(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() || s.file.Name.Name == "main" {
			continue
		}
		for _, decl := range s.file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || !fn.Name.IsExported() || !exportedReceiver(fn) {
				continue
			}
			ast.Inspect(fn.Type, func(n ast.Node) bool {
				if field, ok := n.(*ast.Field); ok {
					if name := strings.TrimLeft(types(field.Type), "*"); unexportedType(name) {
						t.Errorf("%s: %s mentions %s, which its callers cannot name", s.fset.Position(fn.Pos()), fn.Name, name)
					}
				}
				return true
			})
		}
	}
}

// unexportedType is true for a type name of the package itself that is not
// exported; the predeclared ones, and one-letter type parameters, are fine.
func unexportedType(name string) bool {
	predeclared := "any bool byte error rune string int int8 int16 int32 int64 uint uint8 uint16 uint32 uint64 uintptr float32 float64"
	return len(name) > 1 && !ast.IsExported(name) && !slices.Contains(strings.Fields(predeclared), name)
}

func TestNoInit(t *testing.T) {
	for _, s := range sources(t) {
		for _, decl := range s.file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: an init function runs before anybody asked", s.fset.Position(fn.Pos()))
			}
		}
	}
}

// reference is what a reader can look up: a manual page, a kernel document,
// a standard.
var reference = regexp.MustCompile(`[a-z_0-9]\([2-9]\)|Documentation/|RFC ?[0-9]+|spec`)

func TestSystemCallsNameTheirManualPage(t *testing.T) {
	for _, s := range sources(t) {
		taught := slices.Contains([]string{"01-namespaces", "02-cgroups", "03-overlayfs", "06-networking"}, s.module())
		if s.test() || !taught || strings.Contains(s.path, "/sandboxtest/") {
			continue
		}
		for _, decl := range s.file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if ok && fn.Name.IsExported() && callsKernel(fn) && !reference.MatchString(fn.Doc.Text()) {
				t.Errorf("%s: %s makes system calls and names no manual page", s.fset.Position(fn.Pos()), fn.Name)
			}
		}
	}
}

// callsKernel says whether fn calls a function of x/sys/unix.
func callsKernel(fn *ast.FuncDecl) bool {
	found := false
	ast.Inspect(fn, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "unix" && !strings.HasPrefix(sel.Sel.Name, "Byte") {
				found = found || !slices.Contains([]string{"Signal", "Errno", "Major", "Minor", "Mkdev"}, sel.Sel.Name)
			}
		}
		return true
	})
	return found
}

func TestNothingElseAtTheTop(t *testing.T) {
	expected := strings.Fields(".ci .git .gitattributes .gitignore LICENSE Makefile README.md bin chapters go.work go.work.sum learn")
	entries, err := os.ReadDir("..")
	require.NoError(t, err)
	for _, e := range entries {
		if _, module := mayImport[e.Name()]; !module && !slices.Contains(expected, e.Name()) {
			t.Errorf("%s has no place at the top of the house", e.Name())
		}
	}
}

// dependencies lists what the package at path links, in the workspace.
func dependencies(t *testing.T, path string) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", path)
	cmd.Dir = "../final"
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return strings.Fields(string(out))
}

func TestTheClientReachesNoMechanism(t *testing.T) {
	for _, dep := range dependencies(t, "drydock/final/cmd/drydock") {
		module := strings.TrimPrefix(dep, "drydock/")
		for _, mechanism := range []string{"01-", "02-", "03-", "04-", "06-", "08-", "final/engine", "07-daemon/daemon", "07-daemon/shim"} {
			if module != dep && strings.HasPrefix(module, mechanism) {
				t.Errorf("the client links %s: it must build on machines that have no containers", dep)
			}
		}
	}
}

// tooHeavy are packages that the shim must not link, with what they cost.
var tooHeavy = map[string]string{
	"net":                          "its start-up and memory are paid once a container",
	"net/http":                     "its start-up and memory are paid once a container",
	"log/slog":                     "a shim has nobody to log to",
	"regexp":                       "compiled at start",
	"text/template":                "never needed",
	"os/user":                      "users are those of the container, not of the host",
	"github.com/cilium/ebpf":       "the daemon attaches device programs",
	"drydock/06-networking/bridge": "the daemon connects networks",
}

func TestTheShimIsSmall(t *testing.T) {
	for _, dep := range dependencies(t, "drydock/final/cmd/drydock-shim") {
		if why, heavy := tooHeavy[dep]; heavy {
			t.Errorf("the shim links %s: %s", dep, why)
		}
	}
}

func TestMainsAreShort(t *testing.T) {
	for module := range mayImport {
		mains, err := filepath.Glob(filepath.Join("..", module, "cmd", "*", "main.go"))
		require.NoError(t, err)
		if len(mains) == 0 {
			t.Errorf("%s has no program under cmd/", module)
		}
		for _, path := range mains {
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			if n := strings.Count(string(b), "\n"); n > 80 {
				t.Errorf("%s has %d lines: the smallest program that shows the mechanism has at most 80", path, n)
			}
		}
	}
}

func TestTheReadmeShowsTheArrows(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	for module, allowed := range mayImport {
		row := regexp.MustCompile(`(?m)^\| \[?` + module + `\]?[^|]*\|[^|]*\|([^|]*)\|`).FindStringSubmatch(string(readme))
		require.NotNil(t, row, "README.md has no row for %s", module)
		listed := regexp.MustCompile(`0[1-8]`).FindAllString(row[1], -1)
		var want []string
		for _, m := range strings.Fields(allowed) {
			want = append(want, m[:2])
		}
		if !slices.Equal(listed, want) {
			t.Errorf("README.md says that %s leans on %v, the plan says %v", module, listed, want)
		}
	}
}
