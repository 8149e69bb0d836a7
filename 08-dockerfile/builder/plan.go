package builder

import (
	"slices"
	"strings"

	"drydock/08-dockerfile/dockerfile"
)

// plan lists the stages that the target needs, each behind those that it
// needs itself, and counts their instructions.
func (w *build) plan() ([]int, error) {
	if len(w.file.Stages) == 0 {
		return nil, refuse("no build stage in %s: there is no FROM", w.Dockerfile)
	}
	target := len(w.file.Stages) - 1
	if w.Target != "" {
		i, ok := w.file.Stage(w.Target, len(w.file.Stages))
		if !ok {
			return nil, refuse("failed to reach build target %s in Dockerfile", w.Target)
		}
		target = i
	}
	w.label(&w.file.Stages[target])
	needed := map[int]bool{target: true}
	for i := target; i >= 0; i-- { // a stage needs only those above it
		if !needed[i] {
			continue
		}
		for _, name := range sources(w.file.Stages[i]) {
			if j, ok := w.file.Stage(name, i); ok {
				needed[j] = true
			}
		}
	}
	var plan []int
	w.steps = len(w.file.Args)
	for i := range target + 1 {
		if needed[i] {
			plan = append(plan, i)
			w.steps += 1 + len(w.file.Stages[i].Instructions)
		}
	}
	return plan, nil
}

// sources are the names after FROM and --from. A name with a variable in it
// can only mean a stage if all the stages are needed, so it is not one.
func sources(s dockerfile.Stage) []string {
	names := []string{s.Base}
	for _, in := range s.Instructions {
		if from := in.Flag("from"); from != "" {
			names = append(names, from)
		}
	}
	return names
}

// label adds the labels of the command line as a last instruction.
func (w *build) label(s *dockerfile.Stage) {
	if len(w.Labels) == 0 {
		return
	}
	in := dockerfile.Instruction{Name: "LABEL", Original: "LABEL", Line: s.From.Line}
	var names []string
	for name := range w.Labels {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		quoted := "'" + strings.ReplaceAll(w.Labels[name], "'", `'"'"'`) + "'"
		in.Args = append(in.Args, name, quoted)
		in.Original += " " + name + "=" + quoted
	}
	s.Instructions = append(slices.Clip(s.Instructions), in)
}
