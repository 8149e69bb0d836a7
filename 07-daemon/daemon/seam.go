package daemon

import (
	"context"
	"io"
	"os"

	"github.com/moby/moby/api/types/container"

	"drydock/07-daemon/event"
)

type Daemon struct{}

func Open(c Config) (*Daemon, error)              { panic("seam") }
func (d *Daemon) Close(ctx context.Context) error { panic("seam") }
func (d *Daemon) Events() *event.Bus              { panic("seam") }
func (d *Daemon) Counts() Counts                  { panic("seam") }
func (d *Daemon) UsedBy(imageID string) []string  { panic("seam") }
func (d *Daemon) Create(ctx context.Context, name string, r container.CreateRequest) (container.CreateResponse, error) {
	panic("seam")
}
func (d *Daemon) Start(ctx context.Context, ref string) error                  { panic("seam") }
func (d *Daemon) Stop(ctx context.Context, ref string, o StopOptions) error    { panic("seam") }
func (d *Daemon) Restart(ctx context.Context, ref string, o StopOptions) error { panic("seam") }
func (d *Daemon) Kill(ref, signal string) error                                { panic("seam") }
func (d *Daemon) Pause(ref string) error                                       { panic("seam") }
func (d *Daemon) Unpause(ref string) error                                     { panic("seam") }
func (d *Daemon) Rename(ref, name string) error                                { panic("seam") }
func (d *Daemon) Update(ref string, u container.UpdateConfig) (container.UpdateResponse, error) {
	panic("seam")
}
func (d *Daemon) Wait(ref string, c container.WaitCondition) (<-chan container.WaitResponse, error) {
	panic("seam")
}
func (d *Daemon) Remove(ctx context.Context, ref string, o RemoveOptions) error { panic("seam") }
func (d *Daemon) Inspect(ref string, size bool) (container.InspectResponse, error) {
	panic("seam")
}
func (d *Daemon) List(o ListOptions) ([]container.Summary, error) { panic("seam") }
func (d *Daemon) Logs(ctx context.Context, ref string, o LogOptions, w io.Writer) error {
	panic("seam")
}
func (d *Daemon) Attach(ref string, o AttachOptions, conn *os.File) (<-chan struct{}, error) {
	panic("seam")
}
func (d *Daemon) Resize(ref string, rows, columns uint16) error { panic("seam") }
func (d *Daemon) ExecCreate(ref string, r container.ExecCreateRequest) (string, error) {
	panic("seam")
}
func (d *Daemon) ExecStart(ctx context.Context, id string, r container.ExecStartRequest, conn *os.File) (<-chan struct{}, error) {
	panic("seam")
}
func (d *Daemon) ExecInspect(id string) (container.ExecInspectResponse, error) { panic("seam") }
func (d *Daemon) ExecResize(id string, rows, columns uint16) error             { panic("seam") }
func (d *Daemon) Top(ref, psArgs string) (container.TopResponse, error)        { panic("seam") }
func (d *Daemon) Stats(ctx context.Context, ref string, emit func(container.StatsResponse) error) error {
	panic("seam")
}
func (d *Daemon) RunStep(ctx context.Context, s Step) error { panic("seam") }
