package sandbox

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/namespace"
)

// Calls compiles the Spec into the system calls that the child will make,
// from its first breath to execve. Nothing is looked up on the machine: what
// depends on the image (who the user is, where in PATH the program lies) is
// shown as the Spec says it.
func (s Spec) Calls() ([]Call, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	before, err := s.beforeGate()
	if err != nil {
		return nil, err
	}
	return append(before, s.afterGate(s.Process.unresolved())...), nil
}

// beforeGate builds the world. Its order is the lesson of the chapter:
// groups are entered before the cgroup namespace is unshared, or its root
// would be somebody else's; sources of mounts are opened while the host's
// tree is still in sight; pivot_root comes before every other mount, so that
// no name, however hostile the image, leads out.
func (s Spec) beforeGate() ([]Call, error) {
	sysctls, err := s.sysctls()
	if err != nil {
		return nil, err
	}
	files, err := s.files()
	if err != nil {
		return nil, err
	}
	return join(
		s.hide(),
		s.waitForMaps(),
		joinGroups(s.Process),
		s.joinNamespaces(),
		s.unshareCgroup(),
		oomScore(s.Process),
		takeStdio(),
		dropInherited(),
		s.loopback(),
		s.names(),
		sysctls,
		files,
		gate("release"),
	), nil
}

// afterGate turns the waiting child into the program p. It is compiled a
// second time by Release, when everything in p is known.
func (s Spec) afterGate(p program) []Call {
	return join(
		terminal(s.Process, Result("release"), s.New&namespace.Mount != 0),
		newSession(s.Process),
		s.readOnlyRoot(),
		s.Process.become(p),
	)
}

// become is what Spawn and Enter have in common: limits, directory, user,
// powers, and the program. See execve(2).
func (p Process) become(as program) []Call {
	return join(
		rlimits(p),
		enterDirectory(as.dir),
		ownStdio(as),
		powers(p, as),
		execute(as),
	)
}

// join makes one list of many, in one piece of memory: whoever spawns stays
// as long as the container, and keeps what it once touched.
func join(parts ...[]Call) []Call { return slices.Concat(parts...) }

// check refuses what cannot work, in words, before anything is done.
func (s Spec) check() error {
	if err := s.Process.check(); err != nil {
		return err
	}
	inside := s.New&namespace.Mount != 0
	if !inside && (s.Root.Source != "" || len(s.Mounts)+len(s.Masked)+len(s.ReadonlyPaths)+len(s.Devices) > 0) {
		return fmt.Errorf("a root and mounts of its own need a new mount namespace")
	}
	if inside && !strings.HasPrefix(s.Root.Source, "/") {
		return fmt.Errorf("the source of the root %q is not an absolute path", s.Root.Source)
	}
	if s.New&namespace.UTS == 0 && s.Hostname+s.Domainname != "" {
		return fmt.Errorf("a host name needs a new UTS namespace")
	}
	for _, path := range s.Join {
		if isNamespace(path, namespace.Mount) {
			return fmt.Errorf("enter namespace %s: a new process cannot share a tree of files; see Enter", path)
		}
	}
	for _, d := range s.Devices {
		if !strings.HasPrefix(d.Path, "/") || d.Type != "c" && d.Type != "b" {
			return fmt.Errorf("device %q of type %q needs an absolute path and type b or c", d.Path, d.Type)
		}
	}
	if len(s.Hostname) > 64 || len(s.Domainname) > 64 { // __NEW_UTS_LEN
		return fmt.Errorf("host name %q is longer than 64 bytes", s.Hostname+s.Domainname)
	}
	return nil
}

// check refuses what execve could not do.
func (p Process) check() error {
	if len(p.Args) == 0 || p.Args[0] == "" {
		return fmt.Errorf("no command specified")
	}
	if p.Dir != "" && !strings.HasPrefix(p.Dir, "/") {
		return fmt.Errorf("the working directory '%s' is invalid, it needs to be an absolute path", p.Dir)
	}
	return nil
}

// hide makes the child invisible to ptrace: until execve it is a copy of
// whoever spawned it, with all its memory, and in a shared PID namespace its
// neighbours could look (CVE-2016-9962). In a new user namespace the parent
// may be an ordinary user, who must still see it to write its maps. See
// PR_SET_DUMPABLE(2const).
func (s Spec) hide() []Call {
	if s.New&namespace.User != 0 {
		return nil
	}
	return notDumpable()
}

func notDumpable() []Call {
	return []Call{{Name: "prctl", Args: []any{unix.PR_SET_DUMPABLE, 0},
		Text: "hide from debuggers"}}
}

// waitForMaps waits until the parent has written the id maps, and becomes
// their root: before that the child is nobody (65534). See
// user_namespaces(7).
func (s Spec) waitForMaps() []Call {
	if s.New&namespace.User == 0 {
		return nil
	}
	return append(waitHere("maps", "wait for the id maps"), becomeRoot()...)
}

// becomeRoot takes user and group 0 of the user namespace. See setresuid(2).
func becomeRoot() []Call {
	return []Call{
		{Name: "setresgid", Args: []any{0, 0, 0}, Text: "become group 0 of the user namespace"},
		{Name: "setresuid", Args: []any{0, 0, 0}, Text: "become user 0 of the user namespace"},
	}
}

// joinGroups walks into the control groups. Writing "0" to `tasks` moves the
// writing thread alone, for which the kernel needs no grace period; moving
// another process costs 5 to 22 ms. See cgroups(7).
func joinGroups(p Process) []Call {
	var calls []Call
	for i, f := range p.Group {
		if isDirectory(f) {
			continue // of a v2 hierarchy: clone itself puts the child there
		}
		calls = append(calls, Call{Name: "write", Args: []any{door(i), "0", 1},
			Text: "enter control group " + f.Name()})
	}
	return calls
}

// door names the descriptor of the i-th group.
func door(i int) Inherited { return Inherited(fmt.Sprintf("group %d", i)) }

// joinNamespaces enters the namespaces that exist already, a user namespace
// first, because it decides what we may do with the others. A PID namespace is
// not among them: it would count for our children only, so the parent is in
// it when it clones. See setns(2).
func (s Spec) joinNamespaces() []Call {
	var users, others []Call
	for i, path := range s.Join {
		enter := Call{Name: "setns", Args: []any{joined(i), 0}, Text: "enter namespace " + path}
		switch {
		case isNamespace(path, namespace.User):
			users = append(append(users, enter), becomeRoot()...)
		case !isNamespace(path, namespace.PID):
			others = append(others, enter)
		}
	}
	return append(users, others...)
}

// isNamespace says whether a file like /proc/1/ns/net is of this kind.
func isNamespace(path string, kind namespace.Kind) bool {
	return strings.HasSuffix(path, "/ns/"+kind.String())
}

// joined names the descriptor of the i-th namespace to join.
func joined(i int) Inherited { return Inherited(fmt.Sprintf("namespace %d", i)) }

// unshareCgroup makes the groups that were just entered look like the root
// of their hierarchies. See cgroup_namespaces(7).
func (s Spec) unshareCgroup() []Call {
	if s.New&namespace.Cgroup == 0 {
		return nil
	}
	return []Call{{Name: "unshare", Args: []any{unix.CLONE_NEWCGROUP},
		Text: "unshare the cgroup namespace"}}
}

// gate tells the parent that the world is built, and waits for its word.
func gate(name string) []Call {
	ready := Call{Name: "write", Args: []any{control, ready.bytes(), 16},
		Text: "tell the parent that all is built"}
	return append([]Call{ready}, waitHere(name, "wait for the release")...)
}

// waitHere waits for one byte of the parent, and takes the descriptor that
// may come with it. End of file means that the parent is gone; the walker
// ends then. See recvmsg(2).
func waitHere(name, text string) []Call {
	return []Call{{Name: "recvmsg", Args: []any{control, message(name), unix.MSG_CMSG_CLOEXEC}, Text: text}}
}
