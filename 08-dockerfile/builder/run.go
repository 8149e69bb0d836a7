package builder

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"

	"drydock/04-images/image"
	"drydock/08-dockerfile/dockerfile"
)

// keyPrefix begins the keys of snapshots in which commands run.
const keyPrefix = "build-"

// run runs a command on a snapshot of the tree so far. What it has changed
// becomes the layer; when it fails, nothing does.
func (s *stage) run(ctx context.Context, in dockerfile.Instruction, step image.Step) error {
	args, err := s.script(in)
	if err != nil {
		return err
	}
	parent, err := s.chain(ctx)
	if err != nil {
		return err
	}
	id := newID()
	key := keyPrefix + id
	if err := s.Snapshots.Prepare(key, parent); err != nil {
		return err
	}
	defer s.Snapshots.Remove(key) // gone already when it became a layer
	stubs, err := s.stubs(parent)
	if err != nil {
		return err
	}
	s.say(" ---> Running in %s\n", id[:12])
	network := s.Network
	if f := in.Flag("network"); f != "" {
		network = f
	}
	err = s.Runner.Run(ctx, Step{
		Key: key, Args: args, Env: s.environment(), Dir: s.config.Config.WorkingDir, User: s.config.Config.User,
		Network: network, ShmSize: s.ShmSize, Output: s.Output,
	})
	if exit := new(ExitError); errors.As(err, &exit) {
		return &ExitError{Command: strings.Join(args, " "), Code: exit.Code}
	}
	if err != nil {
		return err
	}
	if err := s.unstub(key, stubs); err != nil {
		return err
	}
	step.Key = key
	step.History.CreatedBy = "RUN " + strings.Join(args, " ")
	return s.append(ctx, step)
}

// script is what to execute. A heredoc is a script of the shell, or text that
// the shell gives to the command before it.
func (s *stage) script(in dockerfile.Instruction) ([]string, error) {
	if len(in.Args) == 0 {
		return nil, refuse("a command is missing")
	}
	if len(in.Heredocs) == 0 {
		return s.command(in.Args, in.JSON), nil
	}
	line := strings.Join(in.Args, " ")
	if h := in.Heredocs[0]; dockerfile.IsHeredoc(line) {
		if strings.HasPrefix(h.Text(), "#!") {
			return nil, s.absent(in, "a heredoc that names its interpreter with #!; write RUN python3 <<EOF instead")
		}
		return s.command([]string{h.Text()}, false), nil
	}
	for _, h := range in.Heredocs {
		line += "\n" + h.Content + h.Name
	}
	return s.command([]string{line}, false), nil
}

// chain is the name of the tree so far, "" for an empty one.
func (s *stage) chain(ctx context.Context) (string, error) {
	if s.image == nil {
		return "", nil
	}
	return s.Images.Unpack(ctx, s.image)
}

// newID makes what looks like the id of a container.
func newID() string {
	var b [32]byte
	rand.Read(b[:]) // never fails, see crypto/rand
	return hex.EncodeToString(b[:])
}
