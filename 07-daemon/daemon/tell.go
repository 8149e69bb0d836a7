package daemon

import (
	"maps"

	"github.com/moby/moby/api/types/events"
)

// tell publishes what happened to a container. more are pairs of further
// attributes.
func (d *Daemon) tell(r *record, action events.Action, more ...string) {
	attributes := maps.Clone(r.Config.Labels)
	if attributes == nil {
		attributes = map[string]string{}
	}
	attributes["image"], attributes["name"] = r.Config.Image, r.Name
	for i := 0; i+1 < len(more); i += 2 {
		attributes[more[i]] = more[i+1]
	}
	d.events.Publish(events.Message{
		Type: events.ContainerEventType, Action: action,
		Actor: events.Actor{ID: r.ID, Attributes: attributes},
	})
}

// tellNetwork publishes that a container joined or left a network.
func (d *Daemon) tellNetwork(networkID, name, containerID string, action events.Action) {
	d.events.Publish(events.Message{
		Type: events.NetworkEventType, Action: action,
		Actor: events.Actor{ID: networkID, Attributes: map[string]string{
			"name": name, "type": "bridge", "container": containerID,
		}},
	})
}
