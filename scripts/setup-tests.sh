#!/usr/bin/env bash
# Brings what the tests need beyond npm: mosquitto_pub and mosquitto_sub as foreign clients, and mosquitto as the
# benchmark's yardstick. Installs by itself as root on Debian and its like; anywhere else it says what is missing.
set -euo pipefail
PATH="$PATH:/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"

missing=()
for program in mosquitto_pub mosquitto_sub mosquitto; do
  command -v "$program" >/dev/null || missing+=("$program")
done
[ ${#missing[@]} -eq 0 ] && exit 0

explain() {
  {
    echo "Missing for the tests: ${missing[*]}"
    case "$(uname -s)" in
      Darwin) echo 'Get it:  brew install mosquitto' ;;
      *)
        echo 'Get it on Debian and Ubuntu:  sudo apt-get install mosquitto mosquitto-clients'
        echo '(the package starts a broker on port 1883; the tests need none:  sudo systemctl disable --now mosquitto)'
        echo 'Elsewhere: any Mosquitto 2.x whose programs are in PATH.'
        ;;
    esac
  } >&2
  exit 1
}
[ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || explain

# Debian's package starts its service at once unless a policy forbids it.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
fi
echo "Installing ${missing[*]} with apt-get" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >&2
apt-get install -y -qq --no-install-recommends mosquitto mosquitto-clients >&2 || explain
