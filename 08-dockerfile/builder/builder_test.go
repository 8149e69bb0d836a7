package builder

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"

	"drydock/04-images/image"
)

func TestEachInstructionThatChangesFilesMakesOneLayer(t *testing.T) {
	y := newYard(t)
	y.file("a", "1")
	before := y.config(y.made("FROM base\n"))
	img := y.made("FROM base\nENV A=1\nRUN write /x $A\nCOPY a /b/c/\nWORKDIR /made/here\nWORKDIR /etc\nLABEL l=m\nRUN rm /x\nCMD [\"x\"]\n")
	c := y.config(img)
	if got := len(c.RootFS.DiffIDs) - len(before.RootFS.DiffIDs); got != 4 {
		t.Errorf("%d new layers, want 4: RUN, COPY, the WORKDIR that makes a directory, RUN", got)
	}
	var empty string
	for _, h := range c.History[len(before.History):] {
		word, _, _ := strings.Cut(h.CreatedBy, " ")
		if h.EmptyLayer {
			word = "(" + word + ")"
		}
		empty += word + " "
	}
	if want := "(ENV) RUN COPY WORKDIR (WORKDIR) (LABEL) RUN (CMD) "; empty != want {
		t.Errorf("the history is %q, want %q; those without a layer in brackets", empty, want)
	}
	if got := y.read(img, "b/c/a"); got != "1" {
		t.Errorf("/b/c/a is %q", got)
	}
	if got := y.read(img, "x"); !strings.Contains(got, "no such file") {
		t.Errorf("/x was removed by the last RUN and is still %q", got)
	}
}

func TestALayerHoldsNoMountPoints(t *testing.T) {
	y := newYard(t)
	for text, want := range map[string][]string{
		"FROM base\nRUN rm /tmp\n": {"tmp"}, // its whiteout
		"FROM scratch\nCOPY --from=base /bin /bin\nRUN [\"/bin/sh\", \"-c\", \"write /x 1\"]\n": {"x"},
	} {
		chain, err := y.Images.Unpack(context.Background(), y.made(text))
		require.NoError(t, err)
		upper, err := y.Snapshots.Upper(chain)
		require.NoError(t, err)
		entries, err := readNames(upper)
		require.NoError(t, err)
		if !slices.Equal(entries, want) {
			t.Errorf("the layer of %q holds %v, want %v", text, entries, want)
		}
	}
}

func TestConfigInstructions(t *testing.T) {
	y := newYard(t)
	img := y.made(`FROM base
ENV A=1 B="two words" C=$PATH
ENV A=2 D=${A}x
LABEL one="$A" "two words"=x
EXPOSE 80 53/udp 8000-8001
VOLUME /data ["/more"]
USER alice
WORKDIR /srv
WORKDIR sub/../dir
STOPSIGNAL SIGINT
MAINTAINER A B
SHELL ["/bin/sh", "-c"]
HEALTHCHECK --interval=5s --retries=3 CMD echo $A
ENTRYPOINT ["/bin/echo"]
CMD hello $A
ONBUILD RUN echo trigger
`)
	c := y.config(img)
	for what, pair := range map[string][2]any{
		"environment": {c.Config.Env, []string{"PATH=/bin", "A=2", "B=two words", "C=/bin", "D=1x"}},
		"labels":      {c.Config.Labels, map[string]string{"one": "2", "two words": "x"}},
		"ports":       {c.Config.ExposedPorts, map[string]struct{}{"80/tcp": {}, "53/udp": {}, "8000/tcp": {}, "8001/tcp": {}}},
		"user":        {c.Config.User, "alice"},
		"directory":   {c.Config.WorkingDir, "/srv/dir"},
		"signal":      {c.Config.StopSignal, "SIGINT"},
		"author":      {c.Author, "A B"},
		"entrypoint":  {c.Config.Entrypoint, []string{"/bin/echo"}},
		"command":     {c.Config.Cmd, []string{"/bin/sh", "-c", "hello $A"}},
		"triggers":    {c.Config.OnBuild, []string{"RUN echo trigger"}},
		"health":      {c.Config.Healthcheck.Test, []string{"CMD-SHELL", "echo $A"}},
		"retries":     {c.Config.Healthcheck.Retries, 3},
	} {
		require.Equal(t, pair[1], pair[0], what)
	}
}

func TestEntrypointForgetsTheCommandOfTheBase(t *testing.T) {
	y := newYard(t)
	if got := y.config(y.made("FROM base\nENTRYPOINT [\"x\"]\n")).Config.Cmd; got != nil {
		t.Errorf("the base image's arguments %q were left for another program", got)
	}
	if got := y.config(y.made("FROM base\nCMD [\"y\"]\nENTRYPOINT [\"x\"]\n")).Config.Cmd; len(got) != 1 {
		t.Errorf("the stage's own CMD is gone: %q", got)
	}
}

func TestRunSeesEnvironmentArgumentsAndDirectory(t *testing.T) {
	y := newYard(t)
	y.options.Args = map[string]string{"GIVEN": "g", "UNUSED": "u", "HTTP_PROXY": "p"}
	y.made("ARG GIVEN=default\nFROM base\nARG GIVEN\nARG OWN=own\nENV E=env\nWORKDIR /tmp\nRUN echo [$GIVEN $OWN $E $UNUSED $HTTP_PROXY]; pwd\nRUN [\"echo\", \"$E\"]\nRUN <<EOF\necho here; echo doc\nEOF\n")
	for _, want := range []string{"[g own env p]\n/tmp\n", "$E\n", "here\ndoc\n", "[UNUSED] were not consumed"} {
		if !strings.Contains(y.output.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, &y.output)
		}
	}
}

func TestAnArgumentIsNotInTheImage(t *testing.T) {
	y := newYard(t)
	y.options.Args = map[string]string{"SECRET": "hunter2"}
	img := y.made("FROM base\nARG SECRET\nCMD echo $SECRET\n")
	raw, err := img.RawConfigFile()
	require.NoError(t, err)
	if strings.Contains(string(raw), "hunter2") {
		t.Errorf("the value of a build argument stands in the config: %s", raw)
	}
}

func TestOnlyNeededStagesAreBuilt(t *testing.T) {
	y := newYard(t)
	text := "FROM base AS one\nRUN write /one 1\nFROM base AS broken\nRUN exit 9\nFROM broken AS more\nFROM one AS two\nRUN write /two 2\nFROM scratch\nCOPY --from=two /one /two /\nCOPY --from=base /etc/passwd /p\n"
	img := y.made(text)
	if got := y.read(img, "one") + y.read(img, "two"); got != "12" {
		t.Errorf("the copied files are %q", got)
	}
	if !strings.HasPrefix(y.read(img, "p"), "root:") {
		t.Error("COPY --from=IMAGE copied nothing")
	}
	if len(y.config(img).RootFS.DiffIDs) != 2 {
		t.Errorf("FROM scratch and two COPY make %d layers", len(y.config(img).RootFS.DiffIDs))
	}
	y.options.Target = "TWO"
	if got := y.read(y.made(text), "two"); got != "2" {
		t.Errorf("--target two has /two %q", got)
	}
	y.options.Target = "none"
	_, err := y.build(text)
	require.ErrorContains(t, err, "failed to reach build target none")
}

func TestTriggersRunInTheNextBuild(t *testing.T) {
	y := newYard(t)
	y.file("app", "code")
	y.options.Names = []string{"parent"}
	y.made("FROM base\nONBUILD COPY app /app\nONBUILD RUN write /ran yes\n")
	y.options.Names = nil
	img := y.made("FROM parent\nENV X=1\n")
	if y.read(img, "app") != "code" || y.read(img, "ran") != "yes" {
		t.Errorf("the triggers have not run:\n%s", &y.output)
	}
	if left := y.config(img).Config.OnBuild; len(left) > 0 {
		t.Errorf("the triggers are inherited once more: %q", left)
	}
}

func TestAFailedBuildLeavesNothing(t *testing.T) {
	y := newYard(t)
	y.options.Names = []string{"result"}
	before := y.ids()
	_, err := y.build("FROM base\nRUN write /x 1\nRUN exit 7\n")
	var exit *ExitError
	require.ErrorAs(t, err, &exit)
	if exit.Code != 7 || exit.Error() != "The command '/bin/sh -c exit 7' returned a non-zero code: 7" {
		t.Errorf("the error is %d, %q", exit.Code, exit)
	}
	require.Equal(t, before, y.ids(), "images of the failed build are left")
	y.made("FROM base\nRUN write /x 1\nENV A=b\n")
	if got := y.ids(); len(got) != len(before)+1 {
		t.Errorf("%d images after a build of one: those between stay", len(got)-len(before))
	}
}

// ids are the images of the store.
func (y *yard) ids() (ids []string) {
	all, err := y.Images.List()
	require.NoError(y, err)
	for _, img := range all {
		ids = append(ids, img.ID.String())
	}
	slices.Sort(ids)
	return ids
}

func TestACancelledBuildEnds(t *testing.T) {
	y := newYard(t)
	ctx, cancel := context.WithCancel(context.Background())
	y.Runner = runner(func(context.Context, Step) error { cancel(); return ctx.Err() })
	y.file("Dockerfile", "FROM base\nRUN x\nRUN y\n")
	_, err := y.Build(ctx, Options{Context: open(t, y.dir)})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the client went away, and the build says %v", err)
	}
	y.tidy()
}

// runner is a Runner that is a function.
type runner func(context.Context, Step) error

func (r runner) Run(ctx context.Context, s Step) error { return r(ctx, s) }

func TestRefusals(t *testing.T) {
	y := newYard(t)
	for text, want := range map[string]string{
		"FROM base\nRNU x\n":            "dockerfile parse error on line 2: unknown instruction: RNU (did you mean RUN?)",
		"FROM nosuch\n":                 "No such image: nosuch:latest",
		"FROM scratch\n":                "No image was generated",
		"ARG X\n":                       "there is no FROM",
		"ARG X\nFROM $X\n":              "base name ($X) should not be blank",
		"FROM base\nCOPY nosuch /\n":    "Dockerfile, line 2: COPY: file not found in build context or excluded by .dockerignore: stat nosuch",
		"FROM base\nCOPY ../x /\n":      "forbidden path outside the build context: ../x",
		"FROM base\nADD http://h/x /\n": "sources on the network",
		"FROM base\nRUN --mount=type=cache,target=/x y\n":        "Dockerfile, line 2: RUN: this builder does not know --mount yet",
		"FROM base\nEXPOSE 99999\n":                              "invalid containerPort: 99999",
		"FROM base\nCOPY --chmod=9 Dockerfile /\n":               "--chmod takes an octal number",
		"FROM base\nCOPY --chown=eve Dockerfile /\n":             `the owner "eve" is not in /etc/passwd`,
		"FROM base\nCOPY --from=later a /\nFROM base AS later\n": "this stage is not above",
		"FROM base\nENV A=${B:?missing}\n":                       "B: missing",
		"FROM base\nWORKDIR /etc/passwd\n":                       "is no directory",
	} {
		y.options.Target = ""
		if strings.Contains(text, "later") {
			y.options.Target = "0"
		}
		_, err := y.build(text)
		require.ErrorContains(t, err, want, text)
		if want != "No such image: nosuch:latest" && !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q: %v is the author's mistake and must be fs.ErrInvalid", text, err)
		}
	}
}

func TestPull(t *testing.T) {
	y := newYard(t)
	var asked []string
	y.Pull = func(_ context.Context, ref string, p v1.Platform) (*image.Image, error) {
		asked = append(asked, ref+" "+p.String())
		return y.Images.Get("base")
	}
	y.made("FROM base\n")
	y.made("FROM --platform=linux/arm64 far/away\n")
	y.options.Pull = true
	y.made("FROM base\n")
	if len(asked) != 2 || asked[0] != "far/away linux/arm64" || !strings.HasPrefix(asked[1], "base ") {
		t.Errorf("pulled %q: want the missing one, and the other with Pull", asked)
	}
}

func TestLabelsOfTheCommandLine(t *testing.T) {
	y := newYard(t)
	y.options.Labels = map[string]string{"a": "it's $HOME", "b": ""}
	require.Equal(t, y.options.Labels, y.config(y.made("FROM base\n")).Config.Labels)
}

func TestChange(t *testing.T) {
	c, err := Change(v1.Config{}, []string{"CMD x y", "ENV A=b C=d", "EXPOSE 80", "ONBUILD RUN z"})
	require.NoError(t, err)
	require.Equal(t, v1.Config{
		Cmd: []string{"/bin/sh", "-c", "x y"}, Env: []string{"A=b", "C=d"},
		ExposedPorts: map[string]struct{}{"80/tcp": {}}, OnBuild: []string{"RUN z"},
	}, c)
	for text, want := range map[string]string{"RUN x": "RUN is not a valid change command", "CMDD x": "did you mean CMD?", "": "no instructions", "ENV A": "two arguments"} {
		_, err := Change(v1.Config{}, []string{text})
		require.ErrorContains(t, err, want)
	}
}
