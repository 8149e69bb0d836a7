package builder

import (
	"context"
	"path"

	"golang.org/x/sys/unix"

	"drydock/04-images/image"
	"drydock/08-dockerfile/dockerfile"
)

// workdir makes the directory if it is missing; then it is a layer.
func (s *stage) workdir(ctx context.Context, in dockerfile.Instruction, step image.Step) error {
	if err := s.change(in); err != nil {
		return err
	}
	chain, err := s.chain(ctx)
	if err != nil {
		return err
	}
	below, err := s.view(chain)
	if err != nil {
		return err
	}
	defer below.close()
	at, err := below.resolve(s.config.Config.WorkingDir)
	if err != nil {
		return err
	}
	if at.is(unix.S_IFDIR) || at.name == "" {
		return s.append(ctx, step)
	}
	if at.there {
		return refuse("cannot make the directory /%s: it is there and is no directory", at.name)
	}
	return s.stream(ctx, step, below, func(p *packer) (err error) {
		if user := s.config.Config.User; user != "" {
			if p.owner, err = below.owner(user); err != nil {
				return err
			}
		}
		return p.parents(path.Join(at.name, "x"))
	})
}
