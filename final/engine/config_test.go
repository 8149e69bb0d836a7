package engine

import (
	"reflect"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestConfigGoesThereAndBack(t *testing.T) {
	full := v1.Config{
		User: "1000:50", Env: []string{"A=b"}, Entrypoint: []string{"/bin/sh", "-c"}, Cmd: []string{"true"}, ArgsEscaped: true,
		WorkingDir: "/w", Labels: map[string]string{"l": "m"}, Volumes: map[string]struct{}{"/v": {}}, StopSignal: "USR1",
		Shell: []string{"/bin/ash"}, OnBuild: []string{"RUN x"}, ExposedPorts: map[string]struct{}{"80/tcp": {}, "53/udp": {}},
		Healthcheck: &v1.HealthConfig{Test: []string{"CMD", "x"}, Interval: time.Second, Timeout: 2, StartPeriod: 3, Retries: 4},
	}
	for _, want := range []v1.Config{full, {}} {
		if got := imageConfig(ContainerConfig(want)); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
}

func TestPortsThatAreNoneAreLeftOut(t *testing.T) {
	c := ContainerConfig(v1.Config{ExposedPorts: map[string]struct{}{"80": {}, "nonsense": {}, "99999/tcp": {}}})
	if got := imageConfig(c).ExposedPorts; !reflect.DeepEqual(got, map[string]struct{}{"80/tcp": {}}) {
		t.Errorf("got %v, want 80/tcp alone", got)
	}
}
