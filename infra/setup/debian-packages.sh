# shellcheck shell=bash
# Sourced by setup.sh: installs the Debian packages that are missing, or prints the command for root.

# How far apt is: dlstatus:<n>:<percent>:<text> while it downloads, then pmstatus:<package>:<percent>:<text>; half of it each.
apt_percent() {
  tail -n 1 "$logs/apt.status" | awk -F: '/^dlstatus/ { printf "%d", $3 / 2 } /^pmstatus/ { printf "%d", 50 + $3 / 2 }'
}

# install_debian_packages PACKAGE...: ends this script when a program is not there afterwards.
install_debian_packages() {
  local installer=(bash "$PWD/infra/setup/install-debian.sh") as_root=() still
  if [ "$(id -u)" -ne 0 ]; then
    { command -v sudo && sudo -n true; } > /dev/null 2>&1 || ask_for_root "$@"
    as_root=(sudo -n)
  fi
  [ -n "$logs" ] || logs=$(mktemp -d)
  say "Debian packages: $*"
  : > "$logs/apt.status"
  on_interrupt=finish
  if ! step 'Debian packages' '30 to 120 s' apt_percent "$logs/apt.log" \
    ${as_root[@]+"${as_root[@]}"} "${installer[@]}" --status "$logs/apt.status" "$@"; then
    tail -n 40 "$logs/apt.log" >&2
    say "apt failed: see above, and all of it in $logs/apt.log"
    exit 1
  fi
  still=$(missing_of "$@")
  [ -n "$still" ] || return 0
  # shellcheck disable=SC2086 # names of packages, split on purpose
  name_missing $still
  exit 78
}

# Neither root nor sudo without a password: the line for a person with the right. It runs the very script that we would.
ask_for_root() {
  local package line known=() unknown=()
  for package in "$@"; do
    # Without package lists nothing is known yet; the script that the line runs fetches them first.
    if has_candidate "$package" || ! has_file '/var/lib/apt/lists/*Packages*'; then
      known+=("$package")
    else
      unknown+=("$package")
    fi
  done
  [ ${#unknown[@]} -eq 0 ] || name_missing "${unknown[@]}"
  [ ${#known[@]} -ne 0 ] || exit 78
  line=$(printf '%q ' bash "$PWD/infra/setup/install-debian.sh" "${known[@]}")
  say 'these Debian packages are missing, and there is neither root nor password-less sudo to install them:'
  printf '  - %s\n' "${known[@]}" >&2
  say 'paste this line, then run this again. The servers in them do not start by themselves, now or at the next boot:'
  ! command -v sudo > /dev/null || printf '\n  sudo %s\n\n  or, with the password of root:\n' "${line% }" >&2
  printf '\n  su root -c %q\n\n' "${line% }" >&2
  exit 78
}

# apt may have no such package, call it installed while its program is not there, or have a stub of that name.
name_missing() {
  local package
  for package in "$@"; do
    if [ "$package" = chromium ]; then
      say 'chromium: this system has no Chromium in its packages, or only a stub that asks for a snap'
      say '  install a Chrome or Chromium, and name it:   SECKILL_CHROMIUM=/path/to/chrome npm test'
      say '  or leave the tests in a browser out:         SECKILL_CHROMIUM=none npm test'
    elif ! has_candidate "$package"; then
      say "$package: apt has no such package here. It is needed for: $(in_words "$package")"
    else
      say "$package: apt calls it installed, but its program is not there. Try: apt-get install --reinstall $package"
    fi
  done
}
