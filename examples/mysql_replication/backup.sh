#!/bin/sh
# Dumps a database from the pod of the highest ordinal, by name: sh backup.sh mysql.shop shop
set -eu
host=$(headless-discovery list "$1" -o name | tail -n 1); mariadb-dump --defaults-file="$CLIENT" --host="${host:?nobody is listed}" --single-transaction --databases "$2"
