package layer

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Settle makes good what Apply had to guess without knowing the tree below:
// a directory that the tar only implied takes owner, mode, attributes and
// times from there. It reports false when a guess was wrong (the name below
// is a link or a file); the tar must then be applied again, to an empty
// directory, with Options.Below.
func Settle(root *os.File, r Result, b *Below) (bool, error) {
	if r.Replay {
		return false, nil
	}
	for _, name := range r.Implied {
		err := settle(int(root.Fd()), name, b)
		if errors.Is(err, errGuess) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("settle %q: %w", name, err)
		}
	}
	return true, nil
}

var errGuess = errors.New("not a directory below")

// settle dresses one implied directory like the one below it, if any.
// See openat2(2), utimensat(2).
func settle(root int, name string, b *Below) error {
	n, err := b.find(name)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer n.close()
	if n.stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		return errGuess
	}
	fd, err := openIn(root, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := n.dress(fd); err != nil {
		return err
	}
	return unix.UtimesNanoAt(fd, ".", []unix.Timespec{n.stat.Atim, n.stat.Mtim}, 0)
}
