#!/bin/bash
# The demo: an engine of its own, in a network namespace of its own, shown step by step; at its end nothing is left.
set -eu
cd "$(dirname "$0")/.."
bin=$PWD/bin

if [ "${1:-}" != inside ]; then
  work=$(mktemp -d /tmp/drydock-demo.XXXXXX)
  # A network namespace of its own, so that bridge, rules and published ports meet nobody; a private mount namespace,
  # so that a mount left behind could be counted.
  DEMO=$work unshare --net --mount --propagation private "$0" inside && code=0 || code=$?
  rm -rf "$work"
  [ ! -e "$work" ] || { echo "left behind: $work"; exit 1; }
  exit $code
fi

export DOCKER_HOST=unix://$DEMO/sock PATH=$bin:$PATH
if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' off=$'\e[0m'; else bold='' dim='' green='' off=''; fi
title() { echo; echo "$bold$*$off"; }
show() { # prints a command as one would type it, runs it, indents what it says
  local word line=""
  for word; do [[ $word =~ ^[][A-Za-z0-9_./:=@%,+-]+$ ]] && line+=" $word" || line+=" '$word'"; done
  echo "$dim\$$off$line"
  "$@" 2>&1 | sed 's/^/  /'
  return "${PIPESTATUS[0]}"
}
until_() { for _ in $(seq 200); do "$@" >/dev/null 2>&1 && return; read -r -t 0.05 <> <(:) || true; done; echo "never came true: $*"; exit 1; }
ours="" # ids of the demo's containers: another engine may have groups of its own beside them
facts() { # what a container could leave behind on this machine
  grep -c . /proc/self/mounts
  ip -o link | awk '{print $2}'
  for id in $ours; do find /sys/fs/cgroup -maxdepth 6 -type d -name "$id"; done
  for p in /proc/[0-9]*; do
    [ "$(readlink "$p/ns/net")" != "$(readlink /proc/self/ns/net)" ] || grep -x 'drydock.*' "$p/comm" || true
  done 2>/dev/null
}
daemon() {
  drydockd -H "$DOCKER_HOST" --data-root "$DEMO/data" --exec-root "$DEMO/run" --config-file "$DEMO/daemon.json" 2>>"$DEMO/log" &
  pid=$!
  until_ drydock version
}
finish() {
  code=$?
  [ $code -eq 0 ] || { echo; echo "the demo failed; the engine said last:"; tail -n 20 "$DEMO/log"; }
  [ -z "${pid:-}" ] || kill "$pid" 2>/dev/null || true
  [ -z "${registry:-}" ] || kill "$registry" 2>/dev/null || true
  wait
  exit $code
}
trap finish EXIT

ip link set lo up
echo '{}' >"$DEMO/daemon.json"
before=$(facts)

title "An engine, and a registry on loopback"
go build -o "$DEMO/registry" ./05-registry/cmd/registry
"$DEMO/registry" serve -addr 127.0.0.1:5000 -dir "$DEMO/registry.d" >/dev/null 2>&1 &
registry=$!
daemon
show drydock version --format 'engine {{.Server.Version}} speaks Docker API {{.Server.APIVersion}} on kernel {{.Server.KernelVersion}}'
show drydock images

title "An image is posted, removed, and pulled again"
show drydock tag drydock/base 127.0.0.1:5000/base
show drydock push -q 127.0.0.1:5000/base
drydock rmi -f 127.0.0.1:5000/base drydock/base >/dev/null
show drydock pull 127.0.0.1:5000/base
drydock tag 127.0.0.1:5000/base drydock/base

title "A container: 64 MB, 64 processes, port 8080"
show drydock run -d --name web -m 64m --pids-limit 64 -p 8080:80 drydock/base httpd -p 80 -e 'hello from a container'
until_ curl -sf http://127.0.0.1:8080/
show curl -s http://127.0.0.1:8080/
show drydock ps --format 'table {{.ID}}\t{{.Image}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}'
show drydock exec web ps
show drydock stats --no-stream --format 'memory {{.MemUsage}}, {{.PIDs}} processes and threads' web

title "Another one wants more memory than it may have"
show drydock run --name greedy -m 16m drydock/base eat 64m || echo "  exit status $?"
show drydock inspect --format 'OOMKilled={{.State.OOMKilled}} ExitCode={{.State.ExitCode}}' greedy
ours+=" $(drydock ps -aq --no-trunc)"
show drydock rm greedy

title "The engine is killed with -9; the container goes on"
drydock run -d --name clock drydock/base sh -c 'i=0; while true; do i=$((i+1)); echo tick $i; sleep 0.1; done' >/dev/null
ticked() { drydock logs --tail 1 clock | grep -qx "tick $1"; }
until_ ticked '[3-9]'
show drydock logs --tail 1 clock
echo "$dim\$$off kill -9 \$(pidof drydockd)"
kill -9 "$pid"; wait "$pid" 2>/dev/null || true
show curl -s http://127.0.0.1:8080/
echo "$dim\$$off drydockd &"
daemon
show drydock ps --format 'table {{.Names}}\t{{.Status}}\t{{.Ports}}'
until_ ticked '[1-9][0-9]'
show drydock logs --tail 8 clock

title "Stop, remove, and look what is left"
ours+=" $(drydock ps -aq --no-trunc)"
show drydock stop -t 2 web clock
show drydock rm web clock
kill "$pid"; wait "$pid" 2>/dev/null || true; pid=
kill "$registry"; wait "$registry" 2>/dev/null || true; registry=
after=$(facts)
if [ "$before" != "$after" ]; then
  echo "something was left behind (>):"; diff <(echo "$before") <(echo "$after") || true
  exit 1
fi
echo "  ${green}nothing was left behind: no mount, link, rule, control group or process$off"
