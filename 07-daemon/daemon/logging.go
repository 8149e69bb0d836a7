package daemon

import (
	"strconv"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/container"

	"drydock/07-daemon/shim"
)

// logging reads --log-driver and --log-opt. Path is left to the caller.
func logging(c container.LogConfig) (shim.Log, error) {
	log := shim.Log{Driver: c.Type, MaxFiles: 1}
	switch c.Type {
	case "json-file":
	case "none":
		return log, nil
	default:
		return log, invalid("logger: no log driver named '%s' is registered", c.Type)
	}
	for name, value := range c.Config {
		var err error
		switch name {
		case "max-size":
			log.MaxSize, err = units.RAMInBytes(value)
		case "max-file":
			log.MaxFiles, err = strconv.Atoi(value)
			if err == nil && log.MaxFiles < 1 {
				return log, invalid("max-file cannot be less than 1")
			}
		case "mode":
			if value != "blocking" {
				return log, invalid("log mode %q is not supported", value)
			}
		default:
			return log, invalid("unknown log opt '%s' for json-file log driver", name)
		}
		if err != nil {
			return log, invalid("invalid value %q for log opt %s: %s", value, name, err)
		}
	}
	return log, nil
}
