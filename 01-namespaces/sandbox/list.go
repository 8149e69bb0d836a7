package sandbox

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/seccomp"
)

// A list is the memory that parent and child share: a head, the steps, and
// whatever the steps point to. It is shared, not copied, because the steps
// after the gate are written while the child waits there.
type list struct {
	memory  []byte
	base    uintptr
	steps   int                // written so far
	room    int                // how many steps fit
	next    int                // first free byte behind the steps
	results map[string]uintptr // their places: offsets from base
	fds     map[Inherited]int
}

// spare is the room that a list keeps for what Release adds: at most 16
// limits, 41 capabilities and some forty calls more, and strings that are not
// known yet (a program's path, a home directory, group numbers).
const (
	spareSteps = 192
	spareBytes = 512 << 10
)

// newList maps memory for calls, and for those that will turn the child into
// p. The pages cost nothing until they are touched. See mmap(2).
func newList(calls []Call, p Process, fds map[Inherited]int) (*list, error) {
	room := len(calls) + spareSteps
	size := int(headSize) + room*int(stepSize) + spareBytes
	size += footprint(Call{Args: []any{p.Args, p.Env, p.Seccomp}})
	for _, c := range calls {
		size += footprint(c)
	}
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("map memory for the list of calls: %w", err)
	}
	l := &list{memory: memory, base: uintptr(unsafe.Pointer(&memory[0])), room: room,
		next: int(headSize) + room*int(stepSize), results: map[string]uintptr{}, fds: fds}
	binary.NativeEndian.PutUint64(memory, uint64(fds[control]))
	return l, nil
}

// close gives the memory back. See munmap(2).
func (l *list) close() {
	if l.memory != nil {
		unix.Munmap(l.memory)
		l.memory = nil
	}
}

// footprint is how many bytes of memory a call needs at most.
func footprint(c Call) int {
	size := 64
	for _, arg := range c.Args {
		size += 64
		switch a := arg.(type) {
		case string:
			size += len(a)
		case []byte:
			size += len(a)
		case []string:
			for _, s := range a {
				size += len(s) + 32
			}
		case seccomp.Program:
			size += len(a) * 8
		}
	}
	return size
}

// add writes more calls behind those that are there.
func (l *list) add(calls []Call) error {
	for _, c := range calls {
		if l.steps == l.room {
			return fmt.Errorf("%s: too many calls: %w", c, unix.E2BIG)
		}
		s := (*step)(unsafe.Pointer(&l.memory[int(headSize)+l.steps*int(stepSize)]))
		if err := l.encode(s, c); err != nil {
			return fmt.Errorf("%s: %w", c, err)
		}
		l.steps++
	}
	return nil
}

// encode turns one call into a step.
func (l *list) encode(s *step, c Call) error {
	nr, ok := numbers[c.Name]
	if !ok {
		return fmt.Errorf("no number for system call %s", c.Name)
	}
	*s = step{nr: nr, when: uintptr(c.When), skip: uintptr(c.Skip)}
	for i, arg := range c.Args {
		value, cell, err := l.value(arg)
		if err != nil {
			return err
		}
		s.args[i] = value
		if cell {
			s.cells |= 1 << i
		}
	}
	if c.Unless != "" {
		s.unless = l.results[c.Unless]
	}
	if c.Save == "" {
		return nil
	}
	return l.save(s, c.Save)
}

// save gives a result its place; a name that was used before keeps it.
func (l *list) save(s *step, name string) error {
	if _, ok := l.results[name]; !ok {
		address, err := l.put(make([]byte, 8))
		if err != nil {
			return err
		}
		l.results[name] = address - l.base
	}
	s.save = l.results[name]
	return nil
}

// value is what stands for an argument in a step, and whether that is the
// address of a cell which an earlier step fills.
func (l *list) value(arg any) (value uintptr, place bool, err error) {
	switch a := arg.(type) {
	case int:
		return uintptr(a), false, nil
	case uint64:
		return uintptr(a), false, nil
	case Inherited:
		fd, ok := l.fds[a]
		if !ok {
			return 0, false, fmt.Errorf("no descriptor %s", a)
		}
		return uintptr(fd), false, nil
	case Result:
		place, ok := l.results[string(a)]
		if !ok {
			return 0, false, fmt.Errorf("no earlier result %q", string(a))
		}
		return place, true, nil
	}
	value, err = l.pointer(arg)
	return value, false, err
}

// pointer stores an argument that is memory.
func (l *list) pointer(arg any) (uintptr, error) {
	switch a := arg.(type) {
	case string:
		return l.text(a)
	case []byte:
		return l.put(a)
	case []string:
		return l.strings(a)
	case seccomp.Program:
		return l.filter(a)
	case message:
		return l.message(a)
	}
	return 0, fmt.Errorf("an argument cannot be a %T", arg)
}

// put stores bytes, aligned for whatever they are.
func (l *list) put(b []byte) (uintptr, error) {
	if l.next+len(b)+8 > len(l.memory) {
		return 0, unix.E2BIG
	}
	at := l.next
	copy(l.memory[at:], b)
	l.next += (len(b) + 7) &^ 7
	return l.base + uintptr(at), nil
}

// text stores s with the zero byte that ends a string in C.
func (l *list) text(s string) (uintptr, error) {
	for i := range len(s) {
		if s[i] == 0 {
			return 0, fmt.Errorf("%q contains a zero byte: %w", s, unix.EINVAL)
		}
	}
	return l.put(append([]byte(s), 0))
}

// strings stores a list as execve(2) wants its argv: addresses, then zero.
func (l *list) strings(list []string) (uintptr, error) {
	pointers := make([]byte, 0, 8*(len(list)+1))
	for _, s := range list {
		address, err := l.text(s)
		if err != nil {
			return 0, err
		}
		pointers = binary.NativeEndian.AppendUint64(pointers, uint64(address))
	}
	return l.put(binary.NativeEndian.AppendUint64(pointers, 0))
}

// filter stores a struct sock_fprog and its instructions. See seccomp(2).
func (l *list) filter(p seccomp.Program) (uintptr, error) {
	code := make([]byte, 0, 8*len(p))
	for _, i := range p {
		code = binary.NativeEndian.AppendUint16(code, i.Code)
		code = append(code, i.Jt, i.Jf)
		code = binary.NativeEndian.AppendUint32(code, i.K)
	}
	address, err := l.put(code)
	if err != nil {
		return 0, err
	}
	return l.put(words(uint64(len(p)), uint64(address)))
}

// A message is a buffer for recvmsg(2): one byte, and one descriptor that may
// travel with it, which a Result of this name then stands for.
type message string

// message stores a struct msghdr. The descriptor arrives as the data of a
// control message, four bytes behind a header of sixteen; the other four stay
// zero, so the eight together are the number.
func (l *list) message(m message) (uintptr, error) {
	data, err := l.put(make([]byte, 8))
	if err != nil {
		return 0, err
	}
	vector, err := l.put(words(uint64(data), 1))
	if err != nil {
		return 0, err
	}
	ancillary, err := l.put(make([]byte, 24))
	if err != nil {
		return 0, err
	}
	l.results[string(m)] = ancillary + 16 - l.base
	return l.put(words(0, 0, uint64(vector), 1, uint64(ancillary), 24, 0))
}

// words lays out 64-bit fields as the kernel reads a struct of them.
func words(fields ...uint64) []byte {
	b := make([]byte, 0, 8*len(fields))
	for _, f := range fields {
		b = binary.NativeEndian.AppendUint64(b, f)
	}
	return b
}
