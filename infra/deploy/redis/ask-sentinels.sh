# shellcheck shell=sh disable=SC2034,SC2153,SC2154 # sentinel_password comes from who reads this file, the results go there
#
# To be read by node.sh and sentinel.sh: what the sentinels say. They are SENTINELS, `host:port` and blanks between;
# `sentinel_password` is their password.

# ask <host:port> <command>…: its reply, a value a line, or nothing and 1. A machine that is gone does not refuse, it is silent.
ask() {
  place=$1
  shift
  # A name that has no address, a refused connection and a wrong password are all no answer.
  answer=$(REDISCLI_AUTH=$sentinel_password timeout 2 redis-cli --no-auth-warning -h "${place%:*}" -p "${place##*:}" --raw "$@" 2> /dev/null) ||
    return 1
  case $answer in '' | *NOAUTH* | *WRONGPASS* | ERR\ * | IDONTKNOW*) return 1 ;; esac
  printf '%s\n' "$answer"
}

# ask_all <name>: sets `sentinels` and `answering` (numbers), `primary` (`host port`, what more than half of all sentinels say,
# or nothing) and `replicas` (the most that one of them knows of).
ask_all() {
  sentinels=0 answering=0 primary='' replicas=0 said=''
  for each in $SENTINELS; do
    sentinels=$((sentinels + 1))
    found=$(ask "$each" sentinel get-master-addr-by-name "$1") || continue
    known=$(ask "$each" sentinel master "$1" | sed -n '/^num-slaves$/{n;p;}')
    answering=$((answering + 1))
    said="$said$(printf '%s' "$found" | tr '\n' ' ')
"
    [ "${known:-0}" -le "$replicas" ] || replicas=$known
  done
  # shellcheck disable=SC2046 # count, host, port
  set -- $(printf '%s' "$said" | sort | uniq -c | sort -rn | head -n 1)
  if [ "${1:-0}" -gt $((sentinels / 2)) ]; then primary="$2 $3"; fi
}
