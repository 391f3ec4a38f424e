#!/usr/bin/env bash
# Installs what this checkout needs and what is missing here: npm packages from the lockfile, then Debian packages.
# Usage: bash infra/stack/setup.sh [--test | --bench]     adds what only the tests, or the benchmarks, need.
# Quick when there is nothing to do. Exit 0 ready, 78 something is missing that it may not install (the list says how).
set -euo pipefail
cd "$(dirname "$0")/../.."

say() { printf 'setup: %s\n' "$*" >&2; }

# --- npm packages --------------------------------------------------------------------------------------------------
stamp=node_modules/.seckill-lockfile
lock_sum=$(cksum < package-lock.json)
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$lock_sum" ]; then
  say 'installing npm packages from the lockfile'
  log=$(mktemp)
  # EBADENGINE is expected on an older Node: the lockfile brings Node 24 itself (optionalDependencies). Install
  # scripts stay off, none of our packages needs one.
  if ! npm ci --ignore-scripts --no-audit --no-fund --loglevel=error > "$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    say 'npm ci failed: see above'
    exit 1
  fi
  rm -f "$log"
  printf '%s' "$lock_sum" > "$stamp"
fi

export PATH="$PWD/node_modules/.bin:$PATH"
node_major=$(node -p 'process.versions.node.split(".")[0]')
if [ "$node_major" -lt 24 ]; then
  say "Node 24 or newer is needed, this is $(node --version), and the lockfile has no Node for $(uname -sm)"
  say 'install Node 24 (https://nodejs.org or your version manager), then run this again'
  exit 78
fi

# --- Debian packages -----------------------------------------------------------------------------------------------
packages=(nginx libnginx-mod-http-lua lua-resty-core lua-cjson redis-server zookeeper postgresql)
[ "${1:-}" = --test ] && packages+=(chromium lua-check prometheus)
[ "${1:-}" = --bench ] && packages+=(wrk)

if ! command -v apt-get > /dev/null || ! command -v dpkg-query > /dev/null; then
  # Not Debian or Ubuntu: name what is missing, in the words of the programs themselves.
  absent=()
  command -v nginx > /dev/null || absent+=('nginx with ngx_lua (or OpenResty)')
  command -v redis-server > /dev/null || absent+=('redis-server 7 or newer')
  command -v java > /dev/null || absent+=('java 11 or newer and ZooKeeper 3.8 (set SECKILL_ZOOKEEPER_CLASSPATH)')
  command -v initdb > /dev/null || absent+=('PostgreSQL 15 or newer (initdb on the PATH)')
  [ ${#absent[@]} -eq 0 ] && exit 0
  say 'this machine has no apt; please install:'
  printf '  - %s\n' "${absent[@]}" >&2
  say 'for example: brew install openresty/brew/openresty redis zookeeper postgresql@15'
  exit 78
fi

# Installed, in order, one per line; dpkg-query exits non-zero when it knows none of a name, which is what we ask.
installed=$(dpkg-query --show --showformat='${Package} ${db:Status-Status}\n' "${packages[@]}" 2> /dev/null | sed -n 's/ installed$//p' || true)
missing=()
for package in "${packages[@]}"; do
  grep -qx "$package" <<< "$installed" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

command_line="apt-get install --no-install-recommends ${missing[*]}"
if [ "$(id -u)" -eq 0 ]; then
  as_root=()
elif command -v sudo > /dev/null && sudo -n true 2> /dev/null; then
  as_root=(sudo -n)
else
  say 'these Debian packages are missing, and there is neither root nor password-less sudo to install them:'
  printf '  - %s\n' "${missing[@]}" >&2
  say "run: sudo $command_line"
  exit 78
fi

say "installing Debian packages: ${missing[*]}"

# Debian starts a server when it is installed, and makes a PostgreSQL cluster. For this call only neither happens, and
# what was there before stays as it was: the two files below exist only while apt runs, and only if nobody had them.
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/seckill-setup.conf
made=()
undo() {
  local file
  for file in "${made[@]}"; do "${as_root[@]}" rm -f "$file"; done
}
trap undo EXIT
trap 'exit 130' INT TERM
if [ ! -e "$policy" ]; then
  made+=("$policy")
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" > /dev/null
  "${as_root[@]}" chmod 755 "$policy"
fi
if [ ! -e "$cluster" ]; then
  made+=("$cluster")
  "${as_root[@]}" mkdir -p "${cluster%/*}"
  printf 'create_main_cluster = false\nstart_conf = manual\n' | "${as_root[@]}" tee "$cluster" > /dev/null
fi

apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -o DPkg::Lock::Timeout=600 -q "$@"; }
log=$(mktemp)
if ! { apt update && apt install -y --no-install-recommends "${missing[@]}"; } > "$log" 2>&1 < /dev/null; then
  tail -n 40 "$log" >&2
  rm -f "$log"
  say "apt failed: see above. By hand: $command_line"
  exit 1
fi
rm -f "$log"

# A service that came with this call must not start at the next boot either; one that was there before is not touched.
if [ -d /run/systemd/system ]; then
  for package in "${missing[@]}"; do
    case "$package" in
      nginx | redis-server | postgresql | prometheus) "${as_root[@]}" systemctl disable "$package" > /dev/null 2>&1 || true ;;
    esac
  done
fi
say 'ready'
