// Package seccomp says what a seccomp filter is: a program of the classic BPF
// machine, which the kernel runs before every system call of a process, and
// which answers whether the call is made. Once installed it cannot be taken
// away, and every child inherits it. Package profile, below this one, compiles
// Docker's JSON into such a program. See seccomp(2).
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
