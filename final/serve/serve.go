package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"drydock/final/base"
	"drydock/final/engine"
	"drydock/final/routes"
)

// grace is how long a stopping daemon waits for its containers: Docker's own
// ten seconds for each, side by side, and some for the clean-up.
const grace = 15 * time.Second

// Run serves until SIGTERM or SIGINT, then stops the containers (unless
// LiveRestore) and cleans up. A SIGKILL does none of that: the containers go
// on, and the next Run adopts them.
func (o Options) Run() (err error) {
	stop := make(chan os.Signal, 2)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP)
	slog.SetDefault(o.logger())

	if err := os.MkdirAll(o.ExecRoot, 0o711); err != nil {
		return err
	}
	unlock, err := o.claim()
	if err != nil {
		return err
	}
	defer unlock()
	sockets, err := o.listen() // before the engine: a wrong address must not touch containers
	if err != nil {
		return fmt.Errorf("can't create unix or tcp socket: %w", err)
	}
	e, err := o.open()
	if err != nil {
		closeAll(sockets)
		return fmt.Errorf("start the engine: %w", err)
	}
	server := &http.Server{Handler: routes.Handler(e), ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug)}
	failed, wait := serveAll(server, sockets)
	defer wait()
	slog.Info("Daemon has completed initialization", "version", engine.Version, "containers", e.Containers.Counts().All)
	for _, host := range o.Hosts {
		slog.Info("API listen on " + host)
	}
	select {
	case s := <-stop:
		slog.Info("Processing signal '" + s.String() + "'")
	case err = <-failed:
	}
	return errors.Join(err, o.shut(server, e))
}

// open opens the engine and, the first time, fills it with the base image.
func (o Options) open() (*engine.Engine, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	bip, _ := netip.ParsePrefix(o.BIP) // checked by Parse; zero when empty
	e, err := engine.Open(engine.Config{
		Root:         o.DataRoot,
		ExecRoot:     o.ExecRoot,
		CgroupParent: o.CgroupParent,
		Shim:         filepath.Join(filepath.Dir(self), "drydock-shim"),
		Bridge:       o.Bridge,
		BIP:          bip,
		Insecure:     o.InsecureRegistries,
		Mirrors:      o.RegistryMirrors,
		LiveRestore:  o.LiveRestore,
		Debug:        o.Debug,
		Logger:       slog.Default(),
	})
	if err != nil {
		return e, err
	}
	if err := loadBase(e, filepath.Join(o.DataRoot, "base-loaded")); err != nil {
		slog.Warn("the base image is not there", "error", err)
	}
	return e, nil
}

// loadBase loads the embedded image drydock/base, so that the first
// `run -it drydock/base sh` needs no network. It leaves a mark behind: a user
// who removes the image does not want it back at the next start.
func loadBase(e *engine.Engine, mark string) error {
	if _, err := os.Stat(mark); err == nil {
		return nil
	}
	archive, err := base.Open()
	if err != nil {
		return err
	}
	defer archive.Close()
	if _, err = e.Images.Load(context.Background(), archive, nil); err != nil {
		return err
	}
	return os.WriteFile(mark, nil, 0o644)
}

// shut ends what Run began: no new requests, containers stopped.
func (o Options) shut(server *http.Server, e *engine.Engine) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	err := e.Close(ctx) // ends attached streams and waits by ending containers
	return errors.Join(err, server.Close())
}

// serveAll serves each socket until server is closed, which wait waits for; a
// socket that fails before is told.
func serveAll(server *http.Server, sockets []net.Listener) (failures <-chan error, wait func()) {
	failed := make(chan error, len(sockets))
	var running sync.WaitGroup
	for _, l := range sockets {
		running.Go(func() {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serve %s: %w", l.Addr(), err)
			}
		})
	}
	return failed, running.Wait
}

// claim writes the pid file and makes sure that no other daemon works on the
// same exec-root: it holds a lock on the file as long as the process lives.
func (o Options) claim() (func(), error) {
	f, err := os.OpenFile(o.Pidfile, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("write the pid file: %w", err)
	}
	if !lock(f) {
		f.Close()
		return nil, fmt.Errorf("another drydockd holds %s: use other --pidfile, --exec-root and --data-root beside it", o.Pidfile)
	}
	if err := errors.Join(f.Truncate(0), writeAll(f, strconv.Itoa(os.Getpid()))); err != nil {
		f.Close()
		return nil, fmt.Errorf("write the pid file: %w", err)
	}
	return func() { os.Remove(o.Pidfile); f.Close() }, nil
}

// lock takes the lock on f, or sees that somebody else holds it. A shim that
// is just being born when its daemon is killed holds it, too, until its
// execve: hence some patience. See flock(2).
func lock(f *os.File) bool {
	const patience, step = time.Second, 10 * time.Millisecond
	for waited := time.Duration(0); ; waited += step {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil || waited >= patience {
			return err == nil
		}
		time.Sleep(step)
	}
}

func writeAll(f *os.File, text string) error {
	_, err := f.WriteString(text)
	return err
}

// logger writes what dockerd's does: time="…" level=… msg="…".
func (o Options) logger() *slog.Logger {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError, "fatal": slog.LevelError}
	level := levels[o.LogLevel]
	if o.Debug {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

func closeAll(sockets []net.Listener) {
	for _, l := range sockets {
		l.Close()
	}
}
