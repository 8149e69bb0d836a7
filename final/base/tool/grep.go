package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

func grep(c *call) error {
	if err := c.options("EFivcnqlrohsHwx", "e"); err != nil {
		return err
	}
	text, given := c.set['e']
	if !given {
		if err := c.want(1, "[-EFivcnqlrow] PATTERN [FILE…]"); err != nil {
			return err
		}
		text, c.args = c.args[0], c.args[1:]
	}
	re, err := c.expression(text)
	if err != nil {
		return err
	}
	if c.has('r') {
		if c.args, err = below(c.args); err != nil {
			return err
		}
	}
	s := &search{call: c, re: re, named: (len(c.args) > 1 || c.has('r') || c.has('H')) && !c.has('h')}
	if err := c.inputs(s.file); err != nil {
		return status(2)
	}
	if !s.found {
		return status(1)
	}
	return nil
}

// expression builds what the options -F, -E, -i, -w and -x ask for.
func (c *call) expression(text string) (*regexp.Regexp, error) {
	switch {
	case c.has('F'):
		text = regexp.QuoteMeta(text)
	case !c.has('E'):
		text = basic(text)
	}
	if c.has('w') {
		text = `\b(?:` + text + `)\b`
	}
	if c.has('x') {
		text = `^(?:` + text + `)$`
	}
	if c.has('i') {
		text = "(?i)" + text
	}
	return pattern(text, true)
}

// below lists the files in directories.
func below(dirs []string) ([]string, error) {
	if len(dirs) == 0 {
		dirs = []string{"."}
	}
	var files []string
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// A search is one grep over several files.
type search struct {
	*call
	re    *regexp.Regexp
	named bool
	found bool
}

// file prints the matches of one input.
func (s *search) file(name string, r io.Reader) error {
	number, hits := 0, 0
	err := eachLine(r, func(line string) error {
		number++
		if s.re.MatchString(line) == s.has('v') {
			return nil
		}
		hits++
		s.found = true
		if s.has('q') {
			s.out.Flush()
			os.Exit(0)
		}
		s.show(name, number, line)
		return nil
	})
	if s.has('c') {
		fmt.Fprintln(s.out, s.prefix(name)+fmt.Sprint(hits))
	}
	if s.has('l') && hits > 0 {
		fmt.Fprintln(s.out, name)
	}
	return err
}

// show prints one matching line.
func (s *search) show(name string, number int, line string) {
	if s.has('c') || s.has('l') {
		return
	}
	front := s.prefix(name)
	if s.has('n') {
		front += fmt.Sprintf("%d:", number)
	}
	if !s.has('o') {
		fmt.Fprintln(s.out, front+line)
		return
	}
	for _, match := range s.re.FindAllString(line, -1) {
		fmt.Fprintln(s.out, front+match)
	}
}

// prefix is the file's name, where there are several.
func (s *search) prefix(name string) string {
	if !s.named {
		return ""
	}
	return name + ":"
}
