#!/usr/bin/env bash
# Installs Debian packages, as root, so that none of the servers in them starts: neither now nor when the machine boots, also
# where systemd is installed and does not run (a container, an image). What was there before is not touched.
# Usage: bash install-debian.sh [--status FILE] PACKAGE...   apt writes its progress to FILE (APT::Status-Fd)
# A package that apt does not have is left out and named on stdout.
set -euo pipefail
umask 022
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

status=/dev/null
if [ "${1:-}" = --status ]; then
  status=$2
  shift 2
fi
if [ $# -eq 0 ] || [ "$(id -u)" -ne 0 ]; then
  echo "usage, as root: bash $0 PACKAGE..." >&2
  exit 2
fi

# --- for this call only: no server starts, no PostgreSQL cluster is made -------------------------------------------------
mark='made by seckill setup for one call of apt; it may be removed'
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/seckill-setup.conf
made=()
undo() { [ ${#made[@]} -eq 0 ] || rm -f "${made[@]}"; }
trap undo EXIT
if [ ! -e "$policy" ] || grep -q "$mark" "$policy"; then # ours may be there after a call that was killed
  made+=("$policy")
  printf '#!/bin/sh\n# %s\nexit 101\n' "$mark" > "$policy"
  chmod 755 "$policy"
fi
made+=("$cluster")
mkdir -p "${cluster%/*}"
printf '# %s\ncreate_main_cluster = false\nstart_conf = manual\n' "$mark" > "$cluster"

# --- servers that this call brings --------------------------------------------------------------------------------------
has_unit() { [ -e "/etc/init.d/$1" ] || [ -e "/lib/systemd/system/$1.service" ]; }
brought=()
for server in nginx redis-server postgresql prometheus; do has_unit "$server" || brought+=("$server"); done

# Runs after apt, whether it went well or not. The links of both kinds of init are looked after: which one the next boot has is unknown.
keep_off() {
  local server
  for server in ${brought[@]+"${brought[@]}"}; do
    has_unit "$server" || continue
    if [ -d /run/systemd/system ]; then
      systemctl disable --now "$server.service" || true
    elif command -v deb-systemd-helper > /dev/null; then
      DPKG_MAINTSCRIPT_PACKAGE=$server deb-systemd-helper disable "$server.service" || true # it asks who calls
    fi
    if [ -e "/etc/init.d/$server" ] && command -v update-rc.d > /dev/null; then update-rc.d "$server" disable || true; fi
  done
}

# --- apt ----------------------------------------------------------------------------------------------------------------
apt() { apt-get -q -o DPkg::Lock::Timeout=600 "$@" < /dev/null; }

# One broken source of somebody's must not keep us from the others.
apt update || echo 'apt-get update failed in part: going on with the lists that are here' >&2

. "${BASH_SOURCE[0]%/*}/programs.sh"
wanted=()
for package in "$@"; do
  if has_candidate "$package"; then wanted+=("$package"); else echo "no candidate: $package"; fi
done
[ ${#wanted[@]} -eq 0 ] && exit 0

code=0
apt -o APT::Status-Fd=9 install -y --no-install-recommends "${wanted[@]}" 9> "$status" || code=$?
keep_off
exit "$code"
