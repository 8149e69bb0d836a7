package daemon

import (
	"slices"
	"testing"

	"github.com/moby/moby/api/types/container"
)

func TestMergeCommand(t *testing.T) {
	t.Parallel()
	image := container.Config{Entrypoint: []string{"/entry"}, Cmd: []string{"arg"}}
	for _, c := range []struct {
		name       string
		entry, cmd []string
		want       []string
	}{
		{"nothing asked", nil, nil, []string{"/entry", "arg"}},
		{"a command replaces the image's", nil, []string{"other"}, []string{"/entry", "other"}},
		{"an entrypoint drops the image's command", []string{"/mine"}, nil, []string{"/mine"}},
		{"both", []string{"/mine"}, []string{"x"}, []string{"/mine", "x"}},
		{"an empty entrypoint resets it", []string{""}, []string{"x"}, []string{"x"}},
	} {
		user := container.Config{Entrypoint: c.entry, Cmd: c.cmd}
		merge(&user, &image)
		path, args, err := command(&user)
		if got := append([]string{path}, args...); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: runs %q (%v), want %q", c.name, got, err, c.want)
		}
	}
	if _, _, err := command(&container.Config{}); err == nil || err.Error() != "no command specified" {
		t.Errorf("nothing to run: %v", err)
	}
}

func TestMergeJoinsMapsAndEnvironment(t *testing.T) {
	t.Parallel()
	user := container.Config{Env: []string{"A=user"}, Labels: map[string]string{"k": "user"}, User: "me"}
	merge(&user, &container.Config{
		Env: []string{"A=image", "B=image"}, Labels: map[string]string{"k": "image", "l": "image"},
		User: "root", WorkingDir: "/w", StopSignal: "SIGQUIT", Volumes: map[string]struct{}{"/v": {}},
	})
	if want := []string{"A=user", "B=image"}; !slices.Equal(user.Env, want) {
		t.Errorf("environment %q, want %q", user.Env, want)
	}
	if user.Labels["k"] != "user" || user.Labels["l"] != "image" || user.User != "me" {
		t.Errorf("the user's word must win, and the image's be kept beside it: %+v", user)
	}
	if user.WorkingDir != "/w" || user.StopSignal != "SIGQUIT" || len(user.Volumes) != 1 {
		t.Errorf("what the user left out must come from the image: %+v", user)
	}
}

func TestEnvironmentDefaults(t *testing.T) {
	t.Parallel()
	env := environment(&container.Config{Hostname: "h", Tty: true, Env: []string{"PATH=/x", "TERM", "C=1"}})
	if want := []string{"PATH=/x", "HOSTNAME=h", "C=1"}; !slices.Equal(env, want) {
		t.Errorf("got %q, want %q: a name without a value takes the default away", env, want)
	}
}

func TestWorkingDirMustBeAbsolute(t *testing.T) {
	t.Parallel()
	if dir, err := workingDir("/a/../b/"); err != nil || dir != "/b" {
		t.Errorf("got %q, %v", dir, err)
	}
	if _, err := workingDir("a"); err == nil {
		t.Error("a relative directory was accepted")
	}
}
