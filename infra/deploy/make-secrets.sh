#!/bin/sh
# Makes the secrets that compose.yaml mounts: make-secrets.sh [--ha] <dir> [<end of the servers' names>]. A file that is there
# stays as it is. For Kubernetes, the end is that of the namespace with the servers: .data.svc
# --ha: for servers with replicas (compose.ha.yaml, kubernetes-data). The addresses are then those of all sentinels and of both
# PostgreSQL servers.
#
# The directory is for its owner alone; the files in it must be readable by the users of the containers, who are others. The
# script says which file is not, by which user, and exits with 1. It does so too when a file that is there is empty, or is an
# address for servers of another end.
set -eu
umask 022
ha=no
if [ "${1:-}" = --ha ]; then
  ha=yes
  shift
fi
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  echo "usage: make-secrets.sh [--ha] <dir> [<end of the servers' names>]    for example infra/deploy/secrets" >&2
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
# Names that this script gives to servers, with any ending.
given='stock-redis|queue-redis|cache-redis|postgres|postgres-rw|sentinel-1|stock-redis-0\.stock-redis'
# address <file> <scheme>://<user> <hosts, a comma between> <rest>: a URL. One that an earlier run made for other servers is
# said; a name of the operator's own is left alone.
address() {
  wanted=$(echo "$3," | sed "s/\(:[0-9]*\)\{0,1\},/$names\1,/g; s/,\$//")
  keep "$1" "$2$wanted$4"
  hosts=$(sed -n '1s#^[a-z+]*://\([^/]*@\)\{0,1\}\([^/?]*\).*#\2#p' "$1" | sed 's/:[0-9]*//g')
  wanted=$(echo "$wanted" | sed 's/:[0-9]*//g')
  [ "$hosts" = "$wanted" ] || ! echo "$hosts" | grep -qE "^($given)(\.[^,]*\.svc(\.[^,]*)?)?(,|\$)" || {
    echo "make-secrets: $PWD/$1 is there and names $hosts, not $wanted: change it, or remove it and run this again" >&2
    failed=1
  }
}

# Where they are: of one server, or of each that has replicas. In Kubernetes a sentinel is in the pod of its Redis.
sentinels='' databases=postgres:5432
if [ $ha = yes ]; then
  new sentinel-password
  new replication-password
  if [ -z "$names" ]; then
    sentinels=sentinel-1:26379,sentinel-2:26379,sentinel-3:26379
    databases=postgres:5432,postgres-2:5432
  else
    sentinels=stock-redis-0.stock-redis:26379,stock-redis-1.stock-redis:26379,stock-redis-2.stock-redis:26379
    databases=postgres-rw:5432
  fi
fi
for redis in stock queue; do
  new "$redis-redis-password"
  password=$(cat "$redis-redis-password")
  keep "$redis-redis-auth.conf" "requirepass $password"
  if [ $ha = yes ]; then
    address "$redis-redis-url" "redis+sentinel://:$password@" "$sentinels" "/$redis?sentinelPassword=$(cat sentinel-password)"
  else
    address "$redis-redis-url" "redis://:$password@" "$redis-redis:6379" ""
  fi
done
# The edges' cache: nginx looks one address up, so with replicas it is a server of its own.
if [ $ha = yes ]; then
  new cache-redis-password
  keep cache-redis-auth.conf "requirepass $(cat cache-redis-password)"
  address cache-redis-url "redis://:$(cat cache-redis-password)@" cache-redis:6379 ""
else
  keep cache-redis-password "$(cat queue-redis-password)"
  keep cache-redis-url "$(cat queue-redis-url)"
fi
new zookeeper-auth seckill:
new database-password
address database-url "postgres://seckill:$(cat database-password)@" "$databases" /seckill
new cdc-password  # of the role that reads for the data team
address cdc-database-url "postgres://seckill_cdc:$(cat cdc-password)@" "$databases" /seckill
new session-secret  # the shop signs its sessions with it
new challenge-secret
new ticket-keys k1:
new console-token
made=$(random -base64 32)
keep personal-keys "p1:$made"  # seals contact and address: keep it for as long as they are kept
made=$(random -base64 32)
keep payment-webhook-secret "whsec_$made"
# The hand-over to a shop's own checkout: the shop gets the secret.
made=$(random -base64 32)
keep hand-over-secret "whsec_$made"
[ -e hand-over-key ] || made=$(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2> /dev/null) ||
  fail "openssl genpkey made no key of the curve P-256"
keep hand-over-key "$made"

# These come from others and cannot be made here. With Stripe or Alipay there is no payment-api-key.
given='payment-api-key tls.crt tls.key'
if [ -e stripe-secret-key ]; then
  given='stripe-secret-key stripe-webhook-secret tls.crt tls.key'
elif [ -e alipay-private-key ]; then
  given='alipay-private-key alipay-public-key tls.crt tls.key'
fi
for given in $given; do
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

# Whose container mounts which: a test compares this with compose.yaml, and what --ha adds with compose.ha.yaml.
readable 999 stock-redis-password stock-redis-auth.conf queue-redis-password queue-redis-auth.conf database-password
[ $ha = no ] || readable 999 sentinel-password cache-redis-password cache-redis-auth.conf replication-password
readable 10001 stock-redis-url queue-redis-url zookeeper-auth database-url cdc-database-url ticket-keys session-secret challenge-secret \
  console-token personal-keys payment-api-key payment-webhook-secret hand-over-key hand-over-secret tls.crt tls.key
for file in stripe-secret-key stripe-webhook-secret alipay-private-key alipay-public-key; do
  readable 10001 "$file"
done
[ $ha = no ] || readable 10001 cache-redis-url cache-redis-password
[ $ha = yes ] || readable 10001 queue-redis-password
exit $failed
