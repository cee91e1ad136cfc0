#!/usr/bin/env bash
# Brings what the tests need beyond npm: mosquitto_pub and mosquitto_sub as foreign clients, mosquitto as the benchmark's
# yardstick, nats-server, over which the nodes of a cluster meet, a browser that looks at the dashboard, and Prometheus, which reads
# the metrics. Installs by itself as root on Debian and its like; anywhere else it says what is missing.
set -euo pipefail
PATH="$PATH:/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"

missing=()
for program in mosquitto_pub mosquitto_sub mosquitto nats-server chromium prometheus promtool; do
  command -v "$program" >/dev/null || missing+=("$program")
done
[ ${#missing[@]} -eq 0 ] && exit 0

explain() {
  {
    echo "Missing for the tests: ${missing[*]}"
    case "$(uname -s)" in
      Darwin) echo 'Get it:  brew install mosquitto nats-server prometheus && brew install --cask chromium' ;;
      *)
        echo 'Get it on Debian and Ubuntu:  sudo apt-get install mosquitto mosquitto-clients nats-server chromium prometheus'
        echo '(the packages start services on ports 1883, 4222 and 9090; the tests need none:'
        echo ' sudo systemctl disable --now mosquitto nats-server prometheus)'
        echo 'Elsewhere: any Mosquitto 2.x and any nats-server 2.9 or newer whose programs are in PATH, Chromium and Prometheus.'
        ;;
    esac
  } >&2
  exit 1
}
[ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || explain

# Debian's packages start their services at once unless a policy forbids it.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
fi
echo "Installing ${missing[*]} with apt-get" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >&2
apt-get install -y -qq --no-install-recommends mosquitto mosquitto-clients nats-server chromium prometheus >&2 || explain
