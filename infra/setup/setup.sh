#!/usr/bin/env bash
# Installs what this checkout needs and what is missing here: npm packages from the lockfile, then Debian packages.
# Usage: bash infra/setup/setup.sh [--test | --bench | --ha]     adds what only the tests, or the benchmarks, need.
# --ha adds what `seckill up --ha` needs; so does --test.
# Quick when there is nothing to do. Exit 0 ready, 1 an installation failed, 78 something is missing that it may not install
# (the list says how).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
[ "$(uname -s)" != Linux ] || export LC_ALL=C.UTF-8 # Perl complains about a locale that is named and was not generated
unset LANGUAGE                                      # it beats LC_ALL for messages

. infra/setup/progress.sh
. infra/setup/npm-packages.sh
. infra/setup/programs.sh
. infra/setup/debian-packages.sh

case "${1:-}" in
  '') packages=$runtime_packages ;;
  --ha) packages="$runtime_packages $ha_packages" ;;
  --test) packages="$runtime_packages $ha_packages $test_packages" ;;
  --bench) packages="$runtime_packages $bench_packages" ;;
  *)
    say "unknown argument $1; usage: bash infra/setup/setup.sh [--test | --bench | --ha]"
    exit 2
    ;;
esac

# The outputs of npm and apt. Empty in a checkout that cannot be written to: there only Debian packages can be installed.
logs=$PWD/.run/setup
{ mkdir -p "$logs" && [ -w "$logs" ]; } 2> /dev/null || logs=''

prepare_npm_packages

# shellcheck disable=SC2086 # names of packages, split on purpose
missing=$(missing_of $packages)
[ -n "$missing" ] || exit 0

# apt cannot help with a browser that was named.
if [ -n "${SECKILL_CHROMIUM:-}" ] && grep -qx chromium <<< "$missing"; then
  say "SECKILL_CHROMIUM=$SECKILL_CHROMIUM does not answer to --version: name another browser, or leave the setting out"
  exit 78
fi

if command -v apt-get > /dev/null && command -v dpkg-query > /dev/null; then
  # shellcheck disable=SC2086
  install_debian_packages $missing
else
  say 'this machine has no apt; please install:'
  for package in $missing; do printf '  - %s\n' "$(in_words "$package")" >&2; done
  say 'for example: brew install openresty/brew/openresty redis zookeeper postgresql@15'
  exit 78
fi
