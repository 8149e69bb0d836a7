package main

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// prepare marks in a parsed script what the interpreter does not tell its
// handlers: where a subshell begins, and which background job is which.
//
//	( list )   becomes  ( sh:enter && :; list )             and so $( ), <( ), a | b
//	cmd &      becomes  { sh:enter 7 && :; cmd; sh:left && :; } &  sh:started 7 simple g1
//	$!         becomes  ${DRYDOCK_LAST_JOB}
//
// "&& :" keeps $? and a set -e as they were.
func (s *shell) prepare(file *syntax.File) {
	functions := map[string]bool{}
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.FuncDecl:
			if n.Name != nil {
				functions[n.Name.Value] = true
			}
		case *syntax.ParamExp: // before sh:started, which asks for the interpreter's own $!
			if n.Param != nil && n.Param.Value == "!" {
				n.Param.Value, n.Short = varLast, false
			}
		}
		return true
	})
	syntax.Walk(file, func(n syntax.Node) bool {
		s.mark(n, functions)
		return true
	})
}

// mark rewrites one node; the lists in it are walked afterwards.
func (s *shell) mark(n syntax.Node, functions map[string]bool) {
	switch n := n.(type) {
	case *syntax.File:
		n.Stmts = s.background(n.Stmts, functions)
	case *syntax.Block:
		n.Stmts = s.background(n.Stmts, functions)
	case *syntax.IfClause:
		n.Cond, n.Then = s.background(n.Cond, functions), s.background(n.Then, functions)
	case *syntax.WhileClause:
		n.Cond, n.Do = s.background(n.Cond, functions), s.background(n.Do, functions)
	case *syntax.ForClause:
		n.Do = s.background(n.Do, functions)
	case *syntax.CaseItem:
		n.Stmts = s.background(n.Stmts, functions)
	case *syntax.Subshell:
		n.Stmts = append(parse("sh:enter && :"), s.background(n.Stmts, functions)...)
	case *syntax.ProcSubst:
		n.Stmts = append(parse("sh:enter && :"), s.background(n.Stmts, functions)...)
	case *syntax.CmdSubst:
		if len(n.Stmts) > 1 || len(n.Stmts) == 1 && n.Stmts[0].Cmd != nil { // not $(<file)
			n.Stmts = append(parse("sh:enter && :"), s.background(n.Stmts, functions)...)
		}
	case *syntax.BinaryCmd:
		if n.Op == syntax.Pipe || n.Op == syntax.PipeAll {
			n.X = block(append(parse("sh:enter && :"), n.X))
		}
	}
}

// background gives every `cmd &` of a list a number, by which the job and the
// shell that started it find each other.
func (s *shell) background(list []*syntax.Stmt, functions map[string]bool) []*syntax.Stmt {
	var all []*syntax.Stmt
	for _, stmt := range list {
		all = append(all, stmt)
		if !stmt.Background || stmt.Cmd == nil || marked(stmt) {
			continue
		}
		site, kind := s.site(), "compound"
		if plain(stmt, functions) {
			kind = "simple"
		}
		inner := *stmt
		inner.Background = false
		*stmt = *block(slices.Concat(parse("sh:enter "+site+" && :"), []*syntax.Stmt{&inner}, parse("sh:left && :")))
		stmt.Background = true
		all = append(all, parse("sh:started "+site+" "+kind+" $!")...)
	}
	return all
}

// site makes a new number for a background statement.
func (s *shell) site() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sites++
	site := itoa(s.sites)
	s.entered[site] = make(chan *job)
	return site
}

// marked tells whether a statement already went through background.
func marked(stmt *syntax.Stmt) bool {
	b, ok := stmt.Cmd.(*syntax.Block)
	if !ok || len(b.Stmts) == 0 {
		return false
	}
	and, ok := b.Stmts[0].Cmd.(*syntax.BinaryCmd)
	return ok && word(and.X) == "sh:enter"
}

// plain tells whether a statement is one call of a program, whose process id
// then is the job's.
func plain(stmt *syntax.Stmt, functions map[string]bool) bool {
	name := word(stmt)
	return name != "" && !interp.IsBuiltin(name) && !functions[name]
}

// word is the literal first word of a simple command, or "".
func word(stmt *syntax.Stmt) string {
	if call, ok := stmt.Cmd.(*syntax.CallExpr); ok && len(call.Args) > 0 {
		return call.Args[0].Lit()
	}
	return ""
}

// block puts statements between braces.
func block(stmts []*syntax.Stmt) *syntax.Stmt {
	return &syntax.Stmt{Cmd: &syntax.Block{Stmts: stmts}}
}

// parse reads one of our own short texts.
func parse(text string) []*syntax.Stmt {
	file, err := syntax.NewParser().Parse(strings.NewReader(text), "")
	if err != nil {
		return nil
	}
	return file.Stmts
}

// prepareText does for the text of eval and of a trap what prepare does for a
// script. Text without a subshell or job in it stays as it is.
func (s *shell) prepareText(text string) string {
	if !strings.ContainsAny(text, "&(|`!") {
		return text
	}
	file, err := syntax.NewParser().Parse(strings.NewReader(text), "")
	if err != nil {
		return text // the interpreter will say what is wrong with it
	}
	s.prepare(file)
	var b strings.Builder
	if err := syntax.NewPrinter().Print(&b, file); err != nil {
		return text
	}
	return b.String()
}

// replaceLast lets `sh -c 'program …'` become the program instead of waiting
// for it, as bash and busybox do: one process less, and signals reach it.
func replaceLast(file *syntax.File) {
	if len(file.Stmts) != 1 {
		return
	}
	stmt := file.Stmts[0]
	for _, redirection := range stmt.Redirs {
		if redirection.Hdoc != nil || redirection.Op == syntax.WordHdoc {
			return // its text is written by a goroutine, which an exec would end
		}
	}
	call, ok := stmt.Cmd.(*syntax.CallExpr)
	if !ok || stmt.Background || stmt.Negated || stmt.Coprocess || !plain(stmt, nil) {
		return
	}
	exec := &syntax.Word{Parts: []syntax.WordPart{&syntax.Lit{Value: "exec"}}}
	call.Args = append([]*syntax.Word{exec}, call.Args...)
}
