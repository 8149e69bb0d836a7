package dockerfile

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A rule is what an instruction needs: at least and at most so many
// arguments (-1: any number), and the flags that it knows. A flag that ends
// in "?" is a switch.
type rule struct {
	least, most int
	flags       string
}

// rules are all instructions that there are.
var rules = map[string]rule{
	"ADD":         {2, -1, "chown chmod checksum exclude link? keep-git-dir? unpack?"},
	"ARG":         {1, -1, ""},
	"CMD":         {0, -1, ""},
	"COPY":        {2, -1, "from chown chmod exclude link? parents?"},
	"ENTRYPOINT":  {0, -1, ""},
	"ENV":         {1, -1, ""},
	"EXPOSE":      {1, -1, ""},
	"FROM":        {1, 3, "platform"},
	"HEALTHCHECK": {1, -1, "interval timeout start-period start-interval retries"},
	"LABEL":       {1, -1, ""},
	"MAINTAINER":  {1, 1, ""},
	"ONBUILD":     {1, 1, ""},
	"RUN":         {0, -1, "mount network security device"},
	"SHELL":       {1, -1, ""},
	"STOPSIGNAL":  {1, 1, ""},
	"USER":        {1, 1, ""},
	"VOLUME":      {1, -1, ""},
	"WORKDIR":     {1, 1, ""},
}

// repeated are the flags that may stand several times.
const repeated = " mount exclude device "

// check says what is wrong with an instruction.
func check(in Instruction) error {
	r := rules[in.Name]
	if err := count(in, r); err != nil {
		return err
	}
	if err := checkFlags(in, r); err != nil {
		return err
	}
	switch in.Name {
	case "FROM":
		return checkFrom(in)
	case "HEALTHCHECK":
		return checkHealth(in)
	case "ONBUILD":
		return checkTrigger(*in.Trigger)
	case "ARG", "ENV", "LABEL":
		return checkNames(in)
	case "SHELL":
		if !in.JSON {
			return errors.New("SHELL requires the arguments to be in JSON form")
		}
	case "COPY", "ADD":
		if last := in.Args[len(in.Args)-1]; IsHeredoc(last) {
			return fmt.Errorf("%s cannot accept a heredoc as a destination", in.Name)
		}
	case "VOLUME":
		if slices.Contains(in.Args, "") {
			return errors.New("VOLUME specified can not be an empty string")
		}
	}
	return nil
}

// count compares the number of arguments with the rule.
func count(in Instruction, r rule) error {
	n := len(in.Args)
	switch {
	case n >= r.least && (r.most < 0 || n <= r.most):
		return nil
	case in.Name == "COPY" || in.Name == "ADD":
		return fmt.Errorf("%s requires at least two arguments, but only %d was provided. Destination could not be determined", in.Name, n)
	case r.least == r.most:
		return fmt.Errorf("%s requires exactly one argument", in.Name)
	case in.Name == "FROM":
		return errFrom
	}
	return fmt.Errorf("%s requires at least one argument", in.Name)
}

// checkFlags knows the flags, which must not be repeated.
func checkFlags(in Instruction, r rule) error {
	known := strings.Fields(r.flags)
	seen := map[string]bool{}
	for _, f := range in.Flags {
		isSwitch := slices.Contains(known, f.Name+"?")
		if !isSwitch && !slices.Contains(known, f.Name) {
			for i := range known {
				known[i] = strings.TrimSuffix(known[i], "?")
			}
			return fmt.Errorf("unknown flag: --%s%s", f.Name, nearest(f.Name, known))
		}
		if seen[f.Name] && !strings.Contains(repeated, " "+f.Name+" ") {
			return fmt.Errorf("duplicate flag specified: --%s", f.Name)
		}
		seen[f.Name] = true
		if isSwitch && f.Value != "true" && f.Value != "false" {
			return fmt.Errorf("expecting boolean value for flag --%s, not: %s", f.Name, f.Value)
		}
		if !isSwitch && f.Bare {
			return fmt.Errorf("missing a value on flag: --%s", f.Name)
		}
	}
	return nil
}

var errFrom = errors.New("FROM requires either one or three arguments")

// stageName is what a stage may be called.
var stageName = regexp.MustCompile(`^[a-z][a-z0-9-_.]*$`)

func checkFrom(in Instruction) error {
	if len(in.Args) == 1 {
		return nil
	}
	if len(in.Args) != 3 || !strings.EqualFold(in.Args[1], "as") {
		return errFrom
	}
	if name := strings.ToLower(in.Args[2]); !stageName.MatchString(name) {
		return fmt.Errorf("invalid name for build stage: %q, name can't start with a number or contain symbols", in.Args[2])
	}
	return nil
}

func checkHealth(in Instruction) error {
	switch strings.ToUpper(in.Args[0]) {
	case "NONE":
		if len(in.Args) > 1 {
			return errors.New("HEALTHCHECK NONE takes no arguments")
		}
	case "CMD":
		if len(in.Args) < 2 {
			return errors.New("missing command after HEALTHCHECK CMD")
		}
	default:
		return fmt.Errorf("unknown type %q of HEALTHCHECK (try CMD)", in.Args[0])
	}
	for _, f := range in.Flags {
		if f.Name == "retries" {
			if n, err := strconv.ParseInt(f.Value, 10, 32); err != nil || n < 0 {
				return fmt.Errorf("--retries must be a number that is not negative, not %q", f.Value)
			}
			continue
		}
		if d, err := time.ParseDuration(f.Value); err != nil || d < time.Millisecond && d != 0 {
			return fmt.Errorf("--%s must be a duration of at least 1ms, not %q", f.Name, f.Value)
		}
	}
	return nil
}

// checkTrigger refuses what makes no sense in another build.
func checkTrigger(in Instruction) error {
	switch in.Name {
	case "ONBUILD":
		return errors.New("chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
	case "FROM", "MAINTAINER":
		return fmt.Errorf("%s isn't allowed as an ONBUILD trigger", in.Name)
	}
	return check(in)
}

// checkNames wants a name in front of each "=".
func checkNames(in Instruction) error {
	step := 2
	if in.Name == "ARG" {
		step = 1
	}
	for i := 0; i < len(in.Args); i += step {
		if name, _, _ := strings.Cut(in.Args[i], "="); name == "" {
			return fmt.Errorf("%s names can not be blank", in.Name)
		}
	}
	return nil
}

// nearest guesses what was meant: " (did you mean RUN?)" or nothing.
func nearest(word string, known []string) string {
	slices.Sort(known)
	best, least := "", 3 // more than two slips are another word
	for _, k := range known {
		if d := distance(word, k); d < least && d < len(word) {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return " (did you mean " + best + "?)"
}

// distance counts the letters to change, add or drop, and neighbours to swap.
func distance(a, b string) int {
	if len(a) > 32 {
		return len(a)
	}
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := d[i-1][j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			d[i][j] = min(change, d[i-1][j]+1, d[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
