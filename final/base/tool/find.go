package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A filter is what find asks of a file.
type filter struct {
	name, kind string
	depth      int
	delete     bool
	null       bool
}

func find(c *call) error {
	var roots []string
	for len(c.args) > 0 && c.args[0][0] != '-' {
		roots, c.args = append(roots, c.args[0]), c.args[1:]
	}
	if len(roots) == 0 {
		roots = []string{"."}
	}
	f, err := parseFilter(c.args)
	if err != nil {
		return err
	}
	c.args = roots
	return c.each(func(root string) error {
		return filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return c.visit(f, root, path, e)
		})
	})
}

// visit prints or deletes what the filter lets through.
func (c *call) visit(f filter, root, path string, e fs.DirEntry) error {
	depth := 0
	if rest := strings.Trim(strings.TrimPrefix(path, root), "/"); rest != "" {
		depth = strings.Count(rest, "/") + 1
	}
	if depth > f.depth {
		return fs.SkipDir
	}
	if f.matches(e) {
		if f.delete {
			return os.RemoveAll(path)
		}
		end := "\n"
		if f.null {
			end = "\x00"
		}
		if root == "." && path != "." { // WalkDir leaves the ./ out
			path = "./" + path
		}
		fmt.Fprint(c.out, path, end)
	}
	if depth == f.depth && e.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// matches compares name and kind.
func (f filter) matches(e fs.DirEntry) bool {
	if f.name != "" {
		if ok, _ := filepath.Match(f.name, e.Name()); !ok {
			return false
		}
	}
	kinds := map[string]fs.FileMode{"f": 0, "d": fs.ModeDir, "l": fs.ModeSymlink, "p": fs.ModeNamedPipe, "s": fs.ModeSocket, "b": fs.ModeDevice, "c": fs.ModeDevice | fs.ModeCharDevice}
	return f.kind == "" || e.Type() == kinds[f.kind]
}

// parseFilter reads -name, -type, -maxdepth, -delete and -print0.
func parseFilter(words []string) (filter, error) {
	f := filter{depth: 1 << 30}
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		switch word {
		case "-print":
			continue
		case "-print0":
			f.null = true
			continue
		case "-delete":
			f.delete = true
			continue
		}
		if len(words) == 0 || !slices.Contains([]string{"-name", "-type", "-maxdepth"}, word) {
			return f, fmt.Errorf("this find knows -name, -type, -maxdepth, -delete and -print0, not %s", word)
		}
		var err error
		switch word {
		case "-name":
			f.name = words[0]
		case "-type":
			f.kind = words[0]
		case "-maxdepth":
			f.depth, err = strconv.Atoi(words[0])
		}
		if err != nil {
			return f, fmt.Errorf("not a depth: %q", words[0])
		}
		words = words[1:]
	}
	return f, nil
}
