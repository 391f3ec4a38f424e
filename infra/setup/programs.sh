# shellcheck shell=bash
# Sourced by setup.sh: the programs that are needed beside npm packages. The Debian package of each, and how to see that it is here.

runtime_packages='nginx libnginx-mod-http-lua lua-resty-core lua-cjson redis-server zookeeper postgresql'
ha_packages='patroni python3-kazoo'
test_packages='chromium lua-check prometheus'
bench_packages='wrk'

# Debian keeps servers out of an ordinary user's PATH.
has_program() { command -v "$1" > /dev/null || [ -x "/usr/sbin/$1" ] || [ -x "/usr/local/sbin/$1" ]; }
has_file() { compgen -G "$1" > /dev/null; }

# Whether what the package is for is here, from apt or from elsewhere.
is_here() {
  case $1 in
    nginx) has_program nginx || has_program openresty ;;
    libnginx-mod-http-lua) has_file /usr/lib/nginx/modules/ngx_http_lua_module.so || has_program openresty ;;
    lua-resty-core) has_file /usr/share/lua/5.1/resty/core.lua || has_program openresty ;;
    lua-cjson) has_file '/usr/lib/*/lua/5.1/cjson.so' || has_program openresty ;;
    redis-server) has_program redis-server ;;
    zookeeper) { has_program java || [ -x "${JAVA_HOME:-}/bin/java" ]; } && has_zookeeper ;;
    postgresql) has_file '/usr/lib/postgresql/*/bin/initdb' || has_program initdb ;;
    patroni) has_program patroni ;;
    python3-kazoo) has_kazoo ;;
    chromium) [ "${SECKILL_CHROMIUM:-}" = none ] || has_browser ;;
    lua-check) has_program luacheck ;;
    prometheus) has_program prometheus && has_program promtool ;;
    wrk) has_program wrk ;;
    *) return 1 ;;
  esac
}

# By the Python that runs Patroni: that of Debian, or of an environment of its own.
has_kazoo() {
  local python
  has_program patroni || return 1
  python=$(sed -n '1s/^#! *//p' "$(command -v patroni)")
  ${python:-python3} -c 'import kazoo' 2> /dev/null
}

has_zookeeper() {
  [ -n "${SECKILL_ZOOKEEPER_CLASSPATH:-}" ] ||
    { has_file /usr/share/java/zookeeper.jar && has_file /usr/share/java/slf4j-simple.jar; }
}

# As infra/lab/kits/shopper.ts looks for it (a test compares the names). It must answer: what Ubuntu calls chromium-browser is a script that asks for a snap.
has_browser() {
  local name limit=(timeout 20)
  has_program timeout || limit=() # macOS has none
  for name in ${SECKILL_CHROMIUM:+"$SECKILL_CHROMIUM"} chromium chromium-browser google-chrome-stable google-chrome; do
    command -v "$name" > /dev/null && ${limit[@]+"${limit[@]}"} "$name" --version > /dev/null 2>&1 < /dev/null && return
    [ -n "${SECKILL_CHROMIUM:-}" ] && return 1
  done
  return 1
}

# Those of the packages whose programs are not here, a line each.
missing_of() {
  local package
  for package in "$@"; do is_here "$package" || echo "$package"; done
}

# Whether apt has more of that name than nothing, or than a stub that asks for a snap (Ubuntu's chromium-browser).
has_candidate() {
  case $(LC_ALL=C LANGUAGE='' apt-cache policy "$1" 2> /dev/null | sed -n 's/^ *Candidate: //p') in
    '' | '(none)' | *snap[0-9]*) return 1 ;;
  esac
}

# What a package is for, on a machine without apt.
in_words() {
  case $1 in
    nginx) echo 'nginx with ngx_lua, or OpenResty' ;;
    libnginx-mod-http-lua | lua-resty-core | lua-cjson) echo "$1 (a part of OpenResty)" ;;
    redis-server) echo 'redis-server 7 or newer' ;;
    zookeeper) echo 'Java 11 or newer and ZooKeeper 3.8 (its jars in SECKILL_ZOOKEEPER_CLASSPATH)' ;;
    postgresql) echo 'PostgreSQL 15 or newer (initdb on the PATH)' ;;
    patroni) echo 'Patroni 3 or newer' ;;
    python3-kazoo) echo 'kazoo, which Patroni reaches ZooKeeper by (pip install patroni[zookeeper])' ;;
    chromium) echo 'Chromium or Chrome (its path in SECKILL_CHROMIUM)' ;;
    lua-check) echo 'luacheck' ;;
    *) echo "$1" ;;
  esac
}
