package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pause lies before every timed run: an engine is seldom used back to back.
const pause = 30 * time.Millisecond

// measure prints a table a question.
func measure(all []contender, runs int) error {
	fmt.Printf("medians of %d runs, contenders in turn; the ratio is to drydock's, run by run\n", runs)
	questions := []struct {
		title string
		of    func(contender) []string
	}{
		{"version: the command line and one request", func(c contender) []string { return c.version }},
		{"run --rm --network none, program true (crun, runc: run a bundle)", func(c contender) []string { return c.none }},
		{"run --rm on the bridge, program true (crun, runc: without a bridge)", func(c contender) []string { return c.net }},
	}
	for _, q := range questions {
		if err := race(q.title, able(all, q.of), q.of, runs); err != nil {
			return err
		}
	}
	exec := func(c contender) []string { return c.run }
	up := started(able(all, exec))
	time.Sleep(settled)
	memory(up)
	return race("exec true", up, exec, runs)
}

// settled is when nothing of a start goes on any more.
const settled = 2 * time.Second

// able are the contenders that have an answer.
func able(all []contender, of func(contender) []string) (in []contender) {
	for _, c := range all {
		if of(c) != nil {
			in = append(in, c)
		}
	}
	return in
}

// race times the contenders in turn.
func race(title string, in []contender, of func(contender) []string, runs int) error {
	in = slices.DeleteFunc(in, func(c contender) bool { // a first run warms up, and shows who can
		_, err := timed(of(c))
		if err != nil {
			fmt.Printf("\n%s is left out: %v\n", c.name, err)
		}
		return err != nil
	})
	times := make([][]float64, len(in))
	for range runs {
		for i, c := range in {
			time.Sleep(pause)
			took, err := timed(of(c))
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			times[i] = append(times[i], took)
		}
	}
	fmt.Printf("\n%s\n%10s %8s %8s %8s %8s\n", title, "", "min ms", "median", "max", "ratio")
	for i, c := range in {
		ratios := make([]float64, runs)
		for r := range ratios {
			ratios[r] = times[i][r] / times[0][r]
		}
		fmt.Printf("%10s %8.1f %8.1f %8.1f %8.2f\n", c.name, slices.Min(times[i]), median(times[i]), slices.Max(times[i]), median(ratios))
	}
	return nil
}

func timed(command []string) (float64, error) {
	begin := time.Now()
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	took := time.Since(begin)
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, out)
	}
	return float64(took.Microseconds()) / 1000, nil
}

func median(v []float64) float64 {
	sorted := slices.Sorted(slices.Values(v))
	return sorted[len(sorted)/2]
}

// started gives each engine three sleeping containers, one of them called
// bench; who cannot is left out.
func started(in []contender) []contender {
	var up []contender
	for _, c := range in {
		ok := true
		for _, name := range []string{"bench", "bench2", "bench3"} {
			i := slices.Index(c.none, "--rm") // the same run, but in the background and kept
			run := slices.Concat(c.none[:i], []string{"-d", "--name", name}, c.none[i+1:len(c.none)-1], []string{"sleep", "1000"})
			_, err := timed(run)
			ok = ok && err == nil
		}
		if ok {
			up = append(up, c)
		}
	}
	return up
}

// A footprint is the memory of one process, in kB.
type footprint struct {
	name         string
	pss, private int
}

// footprints looks at a daemon and at the processes called shim below it.
func footprints(daemon int, shim string) []footprint {
	var found []footprint
	if f, ok := footprintOf(daemon); ok {
		found = append(found, f)
	}
	own, _ := os.Readlink("/proc/self/ns/net")
	stats, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, path := range stats {
		name, _ := os.ReadFile(path)
		dir := filepath.Dir(path)
		ns, _ := os.Readlink(filepath.Join(dir, "ns/net"))
		if ns != own || !strings.HasPrefix(string(name), shim[:min(len(shim), 15)]) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil {
			if f, ok := footprintOf(pid); ok {
				found = append(found, f)
			}
		}
	}
	return found
}

// footprintOf reads smaps_rollup, see proc(5).
func footprintOf(pid int) (footprint, bool) {
	dir := fmt.Sprintf("/proc/%d/", pid)
	name, _ := os.ReadFile(dir + "comm")
	b, err := os.ReadFile(dir + "smaps_rollup")
	f := footprint{name: strings.TrimSpace(string(name))}
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kb, _ := strconv.Atoi(fields[1])
		switch fields[0] {
		case "Pss:":
			f.pss = kb
		case "Private_Clean:", "Private_Dirty:":
			f.private += kb
		}
	}
	return f, err == nil
}

// memory prints what the engines weigh with three containers alive.
func memory(all []contender) {
	fmt.Printf("\nmemory with three sleeping containers\n%22s %8s %10s\n", "", "PSS MB", "private MB")
	for _, c := range all {
		if c.memory == nil {
			continue
		}
		for _, f := range c.memory() {
			fmt.Printf("%22s %8.2f %10.2f\n", c.name+": "+f.name, float64(f.pss)/1024, float64(f.private)/1024)
		}
	}
}
