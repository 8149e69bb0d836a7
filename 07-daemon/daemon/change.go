package daemon

import (
	"strings"

	"github.com/moby/moby/api/types/container"

	"drydock/07-daemon/lifecycle"
)

// Rename gives a container another name.
func (d *Daemon) Rename(ref, name string) error {
	if name == "" {
		return invalid("Neither old nor new names may be empty")
	}
	if err := checkName(name); err != nil {
		return err
	}
	b, err := d.open(ref)
	if err != nil {
		return err
	}
	defer b.mu.Unlock()
	old := b.record.Name
	if strings.TrimPrefix(name, "/") == old {
		return invalid("Renaming a container with the same name as its current name")
	}
	taken, err := d.reserve(b.id, name)
	if err != nil {
		return err
	}
	b.record.Name = taken
	if err := d.records.Save(b.record); err != nil {
		b.record.Name = old
		d.release(b.id, taken)
		return err
	}
	d.release(b.id, old)
	if s := b.record.State; s.Status.Alive() {
		if err := d.introduce(b.record, s.Pid, s.Leases); err != nil {
			d.log.Warn("tell the new name", "container", b.id, "error", err)
		}
	}
	d.tell(b.record, "rename", "oldName", "/"+old)
	return nil
}

// Update changes the limits and the restart policy of a container; what is
// zero stays as it is.
func (d *Daemon) Update(ref string, u container.UpdateConfig) (container.UpdateResponse, error) {
	response := container.UpdateResponse{Warnings: []string{}}
	b, err := d.open(ref)
	if err != nil {
		return response, err
	}
	defer b.mu.Unlock()
	if s := b.status(); s == lifecycle.Removing || s == lifecycle.Dead {
		return response, conflict("Cannot update container %s: Container is marked for removal and cannot be \"update\".", b.id)
	}
	h := *b.record.HostConfig
	h.Resources = updated(h.Resources, u.Resources)
	if u.RestartPolicy.Name != "" {
		if h.AutoRemove && !u.RestartPolicy.IsNone() {
			return response, invalid("Restart policy cannot be updated because AutoRemove is enabled for the container")
		}
		h.RestartPolicy = u.RestartPolicy
	}
	if err := validate(b.record.Config, &h); err != nil {
		return response, err
	}
	if b.status().Alive() {
		if err := b.group.Set(limits(&h.Resources)); err != nil {
			return response, err
		}
	}
	b.record.HostConfig = &h
	if err := d.records.Save(b.record); err != nil {
		return response, err
	}
	d.tell(b.record, "update")
	return response, nil
}

// updated puts what was asked for in the place of what was there.
func updated(old, asked container.Resources) container.Resources {
	set(&old.Memory, asked.Memory)
	set(&old.MemorySwap, asked.MemorySwap)
	set(&old.MemoryReservation, asked.MemoryReservation)
	set(&old.NanoCPUs, asked.NanoCPUs)
	set(&old.CPUShares, asked.CPUShares)
	set(&old.CPUPeriod, asked.CPUPeriod)
	set(&old.CPUQuota, asked.CPUQuota)
	set(&old.CpusetCpus, asked.CpusetCpus)
	set(&old.CpusetMems, asked.CpusetMems)
	set(&old.PidsLimit, asked.PidsLimit)
	set(&old.BlkioWeight, asked.BlkioWeight)
	return old
}

func set[T comparable](field *T, value T) {
	var zero T
	if value != zero {
		*field = value
	}
}
