#!/usr/bin/env bash
# Installs Debian packages, as root, so that none of the servers in them starts: neither now nor when the machine boots, also
# where systemd is installed and does not run (a container, an image). Servers that were there before are not touched.
# Usage: bash install-debian.sh [--status FILE] PACKAGE...   apt writes its progress to FILE (APT::Status-Fd)
# A package that apt does not have is left out and named on stdout. Exit 0 done, 2 usage, else that of apt.
set -euo pipefail
umask 022
unset LANGUAGE # it beats LC_ALL for messages, and ours are read
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
export NEEDRESTART_SUSPEND=1 # Ubuntu's needrestart would restart services that have nothing to do with this
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
root=${SECKILL_SETUP_ROOT:-} # for the tests of this script

status=/dev/null
if [ "${1:-}" = --status ]; then
  status=$2
  shift 2
fi
if [ $# -eq 0 ] || [ "$(id -u)" -ne 0 ]; then
  echo "usage, as root: bash $0 PACKAGE..." >&2
  exit 2
fi
. "${BASH_SOURCE[0]%/*}/programs.sh"

# A closed terminal must not end this in the middle: apt would go on without what is set up below.
trap '' HUP INT TERM
mkdir -p "$root/run"
exec 8> "$root/run/seckill-setup.lock"
flock 8 # one such call at a time

# --- for this call only: no server starts, no PostgreSQL cluster is made -------------------------------------------------
# The policy forbids what runs below this script, and nothing else on the machine, also if a killed call should leave it behind.
export SECKILL_SETUP=1
mark='made by seckill setup for one call of apt; it may be removed'
policy=$root/usr/sbin/policy-rc.d
cluster=$root/etc/postgresql-common/createcluster.d/seckill-setup.conf
made=("$cluster")
undo() { rm -f "${made[@]}"; }
trap undo EXIT
mkdir -p "${policy%/*}" "${cluster%/*}"
if [ ! -e "$policy" ] || grep -q "$mark" "$policy"; then
  made+=("$policy")
  printf '#!/bin/sh\n# %s\n[ -z "${SECKILL_SETUP-}" ] || exit 101\nexit 0\n' "$mark" > "$policy"
  chmod 755 "$policy"
fi
printf '# %s\ncreate_main_cluster = false\nstart_conf = manual\n' "$mark" > "$cluster"

# --- servers that this call brings --------------------------------------------------------------------------------------
is_installed() { [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2> /dev/null)" = installed ]; }
brought=()
is_installed nginx-common || brought+=(nginx)
is_installed redis-server || brought+=(redis-server)
is_installed postgresql-common || brought+=(postgresql)
is_installed prometheus || brought+=(prometheus)
is_installed patroni || brought+=(patroni)

# Runs after apt, whether it went well or not. The links of both kinds of init go: which one the next boot has is unknown.
keep_off() {
  local server
  for server in ${brought[@]+"${brought[@]}"}; do
    if [ -e "$root/lib/systemd/system/$server.service" ]; then
      if [ -d "$root/run/systemd/system" ]; then
        systemctl disable --now "$server.service" || true
      elif command -v deb-systemd-helper > /dev/null; then
        DPKG_MAINTSCRIPT_PACKAGE=$server deb-systemd-helper disable "$server.service" || true # it asks who calls
      fi
    fi
    if [ -e "$root/etc/init.d/$server" ] && command -v update-rc.d > /dev/null; then update-rc.d "$server" disable || true; fi
  done
}

# --- apt ----------------------------------------------------------------------------------------------------------------
apt() { apt-get -q -o DPkg::Lock::Timeout=600 "$@" < /dev/null; }

# The timeout above is not for the lock of the package lists, which a machine that has just booted holds for a while.
code=0
for _ in {1..40}; do
  code=0
  said=$(apt update 2>&1) || code=$?
  printf '%s\n' "$said"
  grep -q 'Could not get lock' <<< "$said" || break
  sleep "${SECKILL_SETUP_WAIT:-10}"
done
# One broken source among several must not keep us from the others.
[ "$code" -eq 0 ] || echo 'apt-get update failed, at least in part: going on with the lists that are here' >&2

wanted=()
for package in "$@"; do
  if has_candidate "$package"; then wanted+=("$package"); else echo "no candidate: $package"; fi
done
[ ${#wanted[@]} -ne 0 ] || exit "$code"

code=0
apt -o APT::Status-Fd=9 install -y --no-install-recommends "${wanted[@]}" 9> "$status" || code=$?
keep_off
exit "$code"
