#!/bin/sh
# Makes the secrets that compose.yaml mounts: make-secrets.sh <dir>. A file that is there stays as it is.
#
# The directory is for its owner alone; the files in it may be read by the users of the containers, who are others.
set -eu
umask 022
if [ $# -ne 1 ]; then
  echo "usage: make-secrets.sh <dir>    for example infra/deploy/secrets" >&2
  exit 2
fi
mkdir -p "$1"
chmod 700 "$1"
cd "$1"

random() { openssl rand -hex 32; }
# put <file>: keeps what comes on stdin, unless the file is there.
put() {
  if [ -s "$1" ]; then cat > /dev/null; else cat > "$1.new" && mv "$1.new" "$1"; fi
}

for redis in stock queue; do
  random | put "$redis-redis-password"
  password=$(cat "$redis-redis-password")
  echo "requirepass $password" | put "$redis-redis-auth.conf"
  echo "redis://:$password@$redis-redis:6379" | put "$redis-redis-url"
done
random | put database-password
echo "postgres://seckill:$(cat database-password)@postgres:5432/seckill" | put database-url
random | put session-secret  # the shop signs its sessions with it
random | put challenge-secret
echo "k1:$(random)" | put ticket-keys
random | put console-token
echo "whsec_$(openssl rand -base64 32)" | put payment-webhook-secret

# These come from others, and nobody can make them up.
for given in payment-api-key tls.crt tls.key; do
  [ -s "$given" ] || echo "make-secrets: put $given into $PWD yourself (docs/deploy.md)" >&2
done
