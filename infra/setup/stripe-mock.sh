#!/usr/bin/env bash
# `npm run setup:stripe-mock`: builds the pinned stripe-mock, Stripe's published mock server, into .run/bin. With it the tests
# of the Stripe adapter hold each request against Stripe's own schema; without it that is skipped. Needs Go.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=0.203.0
built=.run/bin/stripe-mock-$version

say() { echo "setup:stripe-mock: $*" >&2; }
if [ -x "$built" ]; then exit 0; fi
go=$(PATH="$PATH:/usr/local/go/bin" command -v go) || {
  say "Go is not here: install it (https://go.dev/doc/install), then run this again"
  exit 78
}
mkdir -p .run/bin
work=$(mktemp -d "$PWD/.run/bin/stripe-mock-XXXXXX.build")
trap 'rm -rf "$work"' EXIT
if ! GOBIN=$work GOFLAGS=-mod=mod timeout 600 "$go" install "github.com/stripe/stripe-mock@v$version" > "$work/log" 2>&1; then
  say "it cannot be built: $(tail -n 1 "$work/log")"
  exit 78
fi
mv "$work/stripe-mock" "$built"
echo "stripe-mock $version: $built"
