// Package seccomp turns a profile (Docker's JSON) into the BPF program that
// the kernel runs before every system call of a process. See seccomp(2).
package seccomp

// An Instruction is one struct sock_filter.
type Instruction struct {
	Code   uint16
	Jt, Jf uint8
	K      uint32
}

// A Program is a compiled filter, ready for seccomp(2). It is plain data: the
// daemon compiles, the shim only installs.
type Program []Instruction
