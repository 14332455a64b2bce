#!/bin/sh
# Init container: writes what differs from pod to pod. A pod that is not the primary is
# read-only, whatever it was before: two writable servers are worse than none.
set -eu

ordinal=${POD_NAME##*-}
if [ "$POD_NAME" = "$PRIMARY" ]; then read_only=0; else read_only=1; fi

cat >"$CONFIGURATION/pod.cnf" <<END
[mariadb]
server-id = $((100 + ordinal))
read-only = $read_only
log-bin = binlog
log-slave-updates = 1
gtid-strict-mode = 1
slave-net-timeout = 5
ssl-ca = $TLS/ca.crt
ssl-cert = $TLS/tls.crt
ssl-key = $TLS/tls.key
require-secure-transport = 1
END
