#!/bin/sh
# Makes the secrets that compose.yaml mounts: make-secrets.sh <dir> [<end of the servers' names>]. A file that is there stays
# as it is. For Kubernetes, the end is that of the namespace with the servers: .data.svc
#
# The directory is for its owner alone; the files in it must be readable by the users of the containers, who are others. The
# script says which file is not, by which user, and exits with 1.
set -eu
umask 022
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  echo "usage: make-secrets.sh <dir> [<end of the servers' names>]    for example infra/deploy/secrets" >&2
  exit 2
fi
mkdir -p "$1"
chmod 700 "$1"
cd "$1"
names=${2:-}

random() { openssl rand -hex 32; }
# put <file>: keeps what comes on stdin, unless the file is there.
put() {
  if [ -s "$1" ]; then cat > /dev/null; else cat > "$1.new" && mv "$1.new" "$1"; fi
}

for redis in stock queue; do
  random | put "$redis-redis-password"
  password=$(cat "$redis-redis-password")
  echo "requirepass $password" | put "$redis-redis-auth.conf"
  echo "redis://:$password@$redis-redis$names:6379" | put "$redis-redis-url"
done
echo "seckill:$(random)" | put zookeeper-auth
random | put database-password
echo "postgres://seckill:$(cat database-password)@postgres$names:5432/seckill" | put database-url
random | put session-secret  # the shop signs its sessions with it
random | put challenge-secret
echo "k1:$(random)" | put ticket-keys
random | put console-token
echo "whsec_$(openssl rand -base64 32)" | put payment-webhook-secret

# These come from others, and nobody can make them up.
for given in payment-api-key tls.crt tls.key; do
  [ -s "$given" ] || echo "make-secrets: put $given into $PWD yourself (docs/deploy.md)" >&2
done

# Kubernetes mounts them by a mode of its own; a bind mount of Docker keeps owner and mode of the host.
[ -z "$names" ] || exit 0
unreadable=0
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
      echo "make-secrets: uid $uid, a container's user, cannot read $PWD/$1 ($2, owner $4, group $5):" \
        "chmod 644 $PWD/$1 (its directory is closed to others), or chown $uid $PWD/$1" >&2
      unreadable=1
      ;;
  esac
}

# Whose container mounts which: a test compares this with compose.yaml.
readable 999 stock-redis-password stock-redis-auth.conf queue-redis-password queue-redis-auth.conf database-password
readable 10001 stock-redis-url queue-redis-url queue-redis-password zookeeper-auth database-url ticket-keys session-secret \
  challenge-secret console-token payment-api-key payment-webhook-secret tls.crt tls.key
exit $unreadable
