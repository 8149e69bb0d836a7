package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const createRoute = "POST /containers/create"

// asked are command lines whose request must be what the stock client sends.
var asked = []string{
	"img",
	"img echo -it hi",
	"-it --name n img sh",
	"-i img",
	"-d -i img",
	"-a stdout -a STDERR img",
	"--rm -e A=1 -e HOME -e NOPE_X img env",
	"--env-file vars --label-file vars -l x=y -l z -e A=over img",
	"-w /w -u 1:2 -h host --domainname dom --group-add 5 img",
	"--entrypoint sh img -c x",
	"--entrypoint= img x",
	"-m 64m --memory-swap -1 --memory-reservation 32m --cpus 1.5 --pids-limit 9 img",
	"-c 512 --cpu-period 1000 --cpu-quota 2000 --cpuset-cpus 0-1 --cpuset-mems 0 img",
	"--memory-swap 1g -m 1g --oom-score-adj 7 --shm-size 1m --memory-swappiness 0 img",
	"--ulimit nofile=10:20 --ulimit core=0 --sysctl net.ipv4.ip_forward=1 img",
	"--cap-add net_admin --cap-add CAP_SYS_TIME --cap-drop ALL img",
	"--cap-add all --cap-add chown --cap-drop mknod --privileged img",
	"--cap-add chown --cap-drop CAP_CHOWN --cap-drop kill img",
	"--security-opt no-new-privileges --security-opt seccomp=profile.json img",
	"--security-opt seccomp=unconfined --read-only --init img",
	"-v /a:/b:ro -v ./rel:/c -v name:/d -v /anon --tmpfs /t --tmpfs /u:size=1m img",
	"--mount type=bind,src=/a,dst=/b,readonly --mount type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1770 img",
	"--mount source=v,target=/v,volume-nocopy,volume-label=a=b,volume-driver=local,volume-opt=o=x img",
	"--mount type=bind,source=/a,target=/b,bind-propagation=rshared,bind-nonrecursive=true img",
	"--device /dev/null --device /dev/null:/dev/x --device /dev/zero:/dev/y:rw --device /dev/null:r img",
	"-p 80 -p 8080:80 -p 127.0.0.1:53:53/udp -p [::1]:90:90 -p 127.0.0.1::91 --expose 70-71 img",
	"-p 1000-1002:2000-2002 -p 3000-3005:3000 -P img",
	"--network host img",
	"--network n1 --ip 10.0.0.9 --network-alias a --net-alias b --mac-address 92:d0:c6:0a:29:33 img",
	"--network name=n1,alias=x,alias=y,ip=10.0.0.7,driver-opt=a=b --network n2 img",
	"--dns 1.1.1.1 --dns-search s --dns-opt ndots:1 --add-host a:1.2.3.4 --add-host b=::1 --add-host c:host-gateway img",
	"--restart on-failure:3 --log-driver json-file --log-opt max-size=1m --stop-signal HUP --stop-timeout 0 img",
	"--restart unless-stopped --ipc host --pid host --uts host --cgroupns host --userns host --cgroup-parent /p img",
	"--health-cmd true --health-interval 2s --health-retries 3 --health-start-period 1m img",
	"--no-healthcheck --annotation a=b --volumes-from other:ro --link o:p --runtime runc img",
	"--oom-kill-disable --storage-opt size=1g --volume-driver local img",
}

// TestRequestsAreTheStockClients compares what both clients send, flag by
// flag, against a daemon that only listens.
func TestRequestsAreTheStockClients(t *testing.T) {
	docker, err := exec.LookPath("docker")
	if err != nil {
		t.Skip("docker is not in PATH: nothing to compare with")
	}
	t.Chdir(filesForFlags(t))
	for _, line := range asked {
		t.Run(line, func(t *testing.T) {
			theirs, ours := newFake(t, recorder()), newFake(t, recorder())
			cmd := exec.Command(docker, append([]string{"-H", "unix://" + theirs.socket}, command(line)...)...)
			said, _ := cmd.CombinedOutput() // it is refused, see recorder
			want := theirs.body(createRoute)
			require.NotEmpty(t, want, "docker sent nothing: %s", said)
			got := ours.run(command(line)...)
			require.NotEmpty(t, ours.body(createRoute), "nothing was sent: %s", got.err)
			forgetDefaults(want)
			sent := ours.body(createRoute)
			anyOrder(want)
			anyOrder(sent)
			if a, b := pretty(t, want), pretty(t, sent); a != b {
				t.Errorf("docker asks for\n%s\nand drydock for\n%s", a, b)
			}
		})
	}
}

// forgetDefaults drops what the stock client always sends and what says
// nothing.
func forgetDefaults(request map[string]any) {
	host, _ := request["HostConfig"].(map[string]any)
	if host["MemorySwappiness"] == -1.0 {
		delete(host, "MemorySwappiness")
	}
}

// anyOrder sorts the lists that the stock client keeps as sets.
func anyOrder(request map[string]any) {
	host, _ := request["HostConfig"].(map[string]any)
	for _, v := range []any{request["Env"], host["Binds"], host["Ulimits"]} {
		list, _ := v.([]any)
		slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
}

// filesForFlags is a directory with what --env-file and its like read.
func filesForFlags(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"vars":         "# a comment\nA=file\n  B=two words\nHOME\nNOPE_X\n\n",
		"profile.json": "{\n  \"defaultAction\": \"SCMP_ACT_ALLOW\"\n}\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

// command is a run, or a create where run would want a terminal.
func command(line string) []string {
	verb := "run"
	if strings.HasPrefix(line, "-it") {
		verb = "create"
	}
	return append([]string{verb}, strings.Fields(line)...)
}

// recorder refuses every container: its request is all we want.
func recorder() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		createRoute: refuse(http.StatusBadRequest, "recorded"),
		"GET /info": say(http.StatusOK, map[string]string{"OSType": "linux"}),
	}
}

func pretty(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	require.NoError(t, err)
	return string(b)
}
