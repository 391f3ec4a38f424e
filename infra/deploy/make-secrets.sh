#!/bin/sh
# Makes the secrets that compose.yaml mounts: make-secrets.sh <dir> [<end of the servers' names>]. A file that is there stays
# as it is. For Kubernetes, the end is that of the namespace with the servers: .data.svc
#
# The directory is for its owner alone; the files in it must be readable by the users of the containers, who are others. The
# script says which file is not, by which user, and exits with 1. It does so too when a file that is there is empty, or is an
# address for servers of another end.
set -eu
umask 022
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  echo "usage: make-secrets.sh <dir> [<end of the servers' names>]    for example infra/deploy/secrets" >&2
  exit 2
fi
if ! command -v openssl > /dev/null; then
  echo "make-secrets: openssl is not there, and the secrets are made by it: install it (apt-get install openssl)" >&2
  exit 1
fi
mkdir -p "$1"
chmod 700 "$1"
cd "$1"
names=${2:-}

fail() {
  echo "make-secrets: $*" >&2
  exit 1
}
# keep <file> <value>: writes the value, unless the file is there.
keep() {
  if [ -e "$1" ]; then
    { [ -f "$1" ] && grep -q '[^[:space:]]' "$1"; } ||
      fail "$PWD/$1 is empty, or no file that can be read: put its secret there, or remove it and run this again"
    return
  fi
  printf '%s\n' "$2" > "$1.new"
  mv "$1.new" "$1"
}
# random <openssl's options>: call it as made=$(random …), so that its failure ends the script. On the left side of a pipe it
# would not.
random() {
  made=$(openssl rand "$@") || made=
  [ -n "$made" ] || fail "openssl rand $* made nothing"
  printf '%s' "$made"
}
# new <file> [<before>]
new() {
  made=$(random -hex 32)
  keep "$1" "${2:-}$made"
}
failed=0
# address <file> <server> <before> <after>: a URL. One that an earlier run made for servers of another end is said; a name of
# the operator's own is left alone.
address() {
  keep "$1" "$3$2$names$4"
  host=$(sed -n '1s#^[a-z]*://\([^/]*@\)\{0,1\}\([^/:?]*\).*#\2#p' "$1")
  case $host in
    "$2$names") ;;
    "$2" | "$2".*.svc | "$2".*.svc.*)
      echo "make-secrets: $PWD/$1 is there and names $host, not $2$names: change it, or remove it and run this again" >&2
      failed=1
      ;;
  esac
}

for redis in stock queue; do
  new "$redis-redis-password"
  password=$(cat "$redis-redis-password")
  keep "$redis-redis-auth.conf" "requirepass $password"
  address "$redis-redis-url" "$redis-redis" "redis://:$password@" :6379
done
new zookeeper-auth seckill:
new database-password
address database-url postgres "postgres://seckill:$(cat database-password)@" :5432/seckill
new session-secret  # the shop signs its sessions with it
new challenge-secret
new ticket-keys k1:
new console-token
made=$(random -base64 32)
keep payment-webhook-secret "whsec_$made"

# These come from others, and nobody can make them up.
for given in payment-api-key tls.crt tls.key; do
  [ -s "$given" ] || echo "make-secrets: put $given into $PWD yourself (docs/deploy.md)" >&2
done

# Kubernetes mounts them by a mode of its own; a bind mount of Docker keeps owner and mode of the host.
[ -z "$names" ] || exit $failed
# readable <uid> <file>…: the group of a container's user has the user's number.
readable() {
  uid=$1
  shift
  for file in "$@"; do
    [ -e "$file" ] || continue
    # shellcheck disable=SC2046 # mode, links, owner, group: words. ls -n says them alike on every system, stat does not
    judge "$file" $(ls -lnLd "$file")
  done
}
# For a shell, to be copied.
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }
judge() {
  case $4:$5 in
    "$uid":*) may='?r*' ;;
    *:"$uid") may='????r*' ;;
    *) may='???????r*' ;;
  esac
  # shellcheck disable=SC2254 # it is a pattern
  case $2 in
    $may) ;;
    *)
      path=$(quoted "$PWD/$1")
      echo "make-secrets: uid $uid, a container's user, cannot read $PWD/$1 ($2, owner $4, group $5):" \
        "chmod 644 $path (its directory is closed to others), or chown $uid $path" >&2
      failed=1
      ;;
  esac
}

# Whose container mounts which: a test compares this with compose.yaml.
readable 999 stock-redis-password stock-redis-auth.conf queue-redis-password queue-redis-auth.conf database-password
readable 10001 stock-redis-url queue-redis-url queue-redis-password zookeeper-auth database-url ticket-keys session-secret \
  challenge-secret console-token payment-api-key payment-webhook-secret tls.crt tls.key
exit $failed
