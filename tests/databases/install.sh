#!/usr/bin/env bash
# Installs the servers of the database tests where they lack: Debian's redis-server,
# mariadb-server, postgresql and nats-server. It starts none of them: the tests start their
# own, each at the address of a pod. Needs root and apt only where something lacks, and names
# it then.
set -euo pipefail

policy=/usr/sbin/policy-rc.d

# The program each package brings, where Debian has it.
program_of() {
  case $1 in
    redis-server | nats-server) echo "$1" ;;
    mariadb-server) echo mariadbd ;;
    postgresql) printf '%s\n' /usr/lib/postgresql/*/bin/postgres | tail -n 1 ;;
  esac
}

lacking() {
  local package
  for package in redis-server mariadb-server postgresql nats-server; do
    # Services have their programs in sbin, which not everybody has on PATH.
    PATH="$PATH:/usr/sbin:/sbin" command -v "$(program_of "$package")" >/dev/null || echo "$package"
  done
}

mapfile -t packages < <(lacking)
[ "${#packages[@]}" -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "the database tests lack: ${packages[*]} (packages of Debian and Ubuntu). Install what" >&2
  echo "is named, or call make as root where there is apt-get: it installs them then." >&2
  exit 1
fi

# Debian starts a service as it is installed, unless this program says no. A machine that
# has one (containers do) keeps its own.
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
echo "database tests: installing ${packages[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install --yes --no-install-recommends "${packages[@]}" >/dev/null

mapfile -t packages < <(lacking)
if [ "${#packages[@]}" -ne 0 ]; then
  echo "the database tests still lack: ${packages[*]}" >&2
  exit 1
fi
