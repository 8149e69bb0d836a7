package daemon

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/container"

	"drydock/07-daemon/filter"
	"drydock/07-daemon/lifecycle"
)

// listFilters are those of `docker ps`.
var listFilters = []string{"ancestor", "before", "since", "exited", "expose", "health", "id", "is-task", "isolation",
	"label", "name", "network", "publish", "status", "volume"}

// List tells of the containers that o asks for, newest first, from memory.
func (d *Daemon) List(o ListOptions) ([]container.Summary, error) {
	q, err := d.query(o)
	if err != nil {
		return nil, err
	}
	summaries := []container.Summary{}
	for _, b := range d.all() {
		if o.Limit > 0 && len(summaries) == o.Limit {
			break
		}
		b.mu.Lock()
		if q.match(b.record) {
			summaries = append(summaries, d.summary(b.record, o.Size))
		}
		b.mu.Unlock()
	}
	return summaries, nil
}

// A query is a list's filters, checked and looked up.
type query struct {
	filters       filter.Args
	all           bool
	exited        []int
	before, since time.Time
}

func (d *Daemon) query(o ListOptions) (*query, error) {
	f := o.Filters
	if err := f.Only(listFilters...); err != nil {
		return nil, err
	}
	for _, s := range f["status"] {
		if err := container.ValidateContainerState(container.ContainerState(s)); err != nil {
			return nil, invalid("%s", err)
		}
	}
	q := &query{filters: f, all: o.All || o.Limit > 0 || len(f["status"])+len(f["exited"]) > 0}
	for _, text := range f["exited"] {
		code, err := strconv.Atoi(text)
		if err != nil {
			return nil, invalid("invalid filter 'exited=%s'", text)
		}
		q.exited = append(q.exited, code)
	}
	for name, known := range knownValues {
		for _, text := range f[name] {
			if !slices.Contains(known, text) {
				return nil, invalid("invalid filter '%s=[%s]'", name, text)
			}
		}
	}
	for name, at := range map[string]*time.Time{"before": &q.before, "since": &q.since} {
		for _, ref := range f[name] {
			b, err := d.find(ref)
			if err != nil {
				return nil, err
			}
			*at = b.record.Created
		}
	}
	return q, nil
}

// knownValues are the values of filters that have no others.
var knownValues = map[string][]string{
	"health":  {"starting", "healthy", "unhealthy", "none"},
	"is-task": {"true", "1", "false", "0"},
}

// match applies the filters to one container.
func (q *query) match(r *record) bool {
	s := r.State.Status
	if !q.all && !s.Alive() && s != lifecycle.Restarting {
		return false
	}
	if len(q.exited) > 0 && (s != lifecycle.Exited || !slices.Contains(q.exited, r.State.ExitCode)) {
		return false
	}
	if !q.before.IsZero() && !r.Created.Before(q.before) || !q.since.IsZero() && !r.Created.After(q.since) {
		return false
	}
	f := q.filters
	return f.Exact("status", string(s)) && f.Labels("label", r.Config.Labels) &&
		f.Any("id", func(want string) bool { return strings.HasPrefix(r.ID, want) }) &&
		f.Any("name", func(want string) bool { return matchName(r.Name, want) }) &&
		f.Any("ancestor", func(want string) bool { return isAncestor(r, want) }) &&
		f.Any("health", func(want string) bool { return want == "none" }) &&
		f.Any("is-task", func(want string) bool { return want == "false" || want == "0" }) &&
		q.matchRest(r)
}

func (q *query) matchRest(r *record) bool {
	f := q.filters
	return f.Any("network", func(want string) bool { _, ok := r.Networks[want]; return ok }) &&
		f.Any("volume", func(want string) bool {
			return slices.ContainsFunc(r.Mounts, func(p container.MountPoint) bool {
				return p.Name == want || p.Destination == want || p.Source == want
			})
		}) &&
		f.Any("publish", func(want string) bool { return published(r, want) }) &&
		f.Any("expose", func(want string) bool { return exposed(r, want) })
}

// summary is one line of `docker ps`.
func (d *Daemon) summary(r *record, size bool) container.Summary {
	s := container.Summary{
		ID: r.ID, Names: []string{"/" + r.Name}, Image: r.Config.Image, ImageID: r.Image,
		Command: commandLine(r.Path, r.Args), Created: r.Created.Unix(), Ports: portSummaries(r),
		Labels: r.Config.Labels, State: container.ContainerState(r.State.Status), Status: describe(&r.State, time.Now()),
		NetworkSettings: &container.NetworkSettingsSummary{Networks: d.networkSettings(r).Networks},
		Mounts:          visible(r),
	}
	if s.Labels == nil {
		s.Labels = map[string]string{}
	}
	s.HostConfig.NetworkMode = string(r.HostConfig.NetworkMode)
	if size {
		s.SizeRw, s.SizeRootFs = d.sizes(r.ID)
	}
	return s
}

// commandLine joins the words; those with blanks are quoted.
func commandLine(path string, args []string) string {
	words := []string{path}
	for _, a := range args {
		if strings.Contains(a, " ") {
			a = "'" + a + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// describe is the column STATUS.
func describe(s *state, now time.Time) string {
	since := func(t time.Time) string { return units.HumanDuration(now.Sub(t)) }
	switch s.Status {
	case lifecycle.Running:
		return "Up " + since(s.StartedAt)
	case lifecycle.Paused:
		return "Up " + since(s.StartedAt) + " (Paused)"
	case lifecycle.Restarting:
		return fmt.Sprintf("Restarting (%d) %s ago", s.ExitCode, since(s.FinishedAt))
	case lifecycle.Exited:
		return fmt.Sprintf("Exited (%d) %s ago", s.ExitCode, since(s.FinishedAt))
	case lifecycle.Removing:
		return "Removal In Progress"
	case lifecycle.Dead:
		return "Dead"
	default:
		return "Created"
	}
}

// portSummaries are the column PORTS, in a fixed order.
func portSummaries(r *record) []container.PortSummary {
	all := []container.PortSummary{}
	for port, bindings := range ports(r) {
		if len(bindings) == 0 {
			all = append(all, container.PortSummary{PrivatePort: port.Num(), Type: string(port.Proto())})
		}
		for _, b := range bindings {
			public, _ := strconv.ParseUint(b.HostPort, 10, 16)
			all = append(all, container.PortSummary{IP: b.HostIP, PrivatePort: port.Num(), PublicPort: uint16(public), Type: string(port.Proto())})
		}
	}
	slices.SortFunc(all, func(a, b container.PortSummary) int {
		return cmp.Or(cmp.Compare(a.PrivatePort, b.PrivatePort), cmp.Compare(a.PublicPort, b.PublicPort), strings.Compare(a.Type, b.Type))
	})
	return all
}

// hostIP spells the wildcard address out, as Docker does.
func hostIP(ip netip.Addr) netip.Addr {
	if !ip.IsValid() {
		return netip.IPv4Unspecified()
	}
	return ip
}

func decimal(n uint16) string { return strconv.Itoa(int(n)) }
