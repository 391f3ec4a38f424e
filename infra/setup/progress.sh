# shellcheck shell=bash
# Sourced by setup.sh: what it says, and how it shows that a long step is alive.

say() { printf 'setup: %s\n' "$*" >&2; }

# The command that is under way, and what Ctrl-C does to it: `end` ends it, `finish` waits until it is through.
step_pid=''
on_interrupt=end

interrupt() {
  trap 'exit 130' INT TERM # the second one ends this script at once
  if [ -n "$step_pid" ] && [ "$on_interrupt" = finish ]; then
    say 'apt is running and must not be interrupted. Set-up ends when apt is done. Press Ctrl-C again to leave now; apt goes on.'
    wait "$step_pid" || true
  elif [ -n "$step_pid" ]; then
    kill "$step_pid" 2> /dev/null || true
    wait "$step_pid" || true
  fi
  exit 130
}
trap interrupt INT TERM

# step LABEL USUAL PERCENT LOG COMMAND...: runs the command with its output in LOG and returns its exit code. On a terminal one
# line counts the seconds; elsewhere a line every 15 s does. PERCENT is a command that prints how far it is, or `true`.
step() {
  local label=$1 usual=$2 percent=$3 log=$4 began=$SECONDS shown=-1 code=0 seconds done_percent
  shift 4
  say "$label (usually $usual)"
  "$@" > "$log" 2>&1 < /dev/null &
  step_pid=$!
  while [ -n "$(jobs -rp)" ]; do # not `kill -0`: a command of root's cannot be asked that way
    sleep 0.2
    seconds=$((SECONDS - began))
    [ "$seconds" -eq "$shown" ] && continue
    if [ -t 2 ]; then
      done_percent=$($percent)
      printf '\r\033[Ksetup: %s: %d s%s ' "$label" "$seconds" "${done_percent:+, $done_percent %}" >&2
    elif [ "$seconds" -gt 0 ] && [ $((seconds % 15)) -eq 0 ]; then
      done_percent=$($percent)
      say "$label: $seconds s${done_percent:+, $done_percent %}"
    fi
    shown=$seconds
  done
  [ -t 2 ] && printf '\r\033[K' >&2
  wait "$step_pid" || code=$?
  step_pid=''
  [ "$code" -eq 0 ] && say "$label: done in $((SECONDS - began)) s"
  return "$code"
}
