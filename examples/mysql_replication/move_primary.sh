#!/bin/sh
# Makes another pod the primary, while all of them are up: sh move_primary.sh mysql.shop mysql-2
# A third argument is how many seconds it may take to catch up, default 10.
#
# CLIENT is an option file of the client: user, password, ssl-ca, ssl-verify-server-cert.
# MYSQL_PWD is the password of the user `replication`, TLS the servers' folder of certificates.
# Afterwards say so in the ConfigMap, or a restarted pod is what it was before:
#   kubectl patch configmap mysql --patch '{"data": {"primary": "mysql-2"}}'
set -eu
service=$1 wanted=$2 patience=${3:-10}

sql() { mariadb --defaults-file="$CLIENT" --host="$1" --batch --skip-column-names -e "$2"; }

pods=$(headless-discovery list "$service" -o name)
old='' new=''
for pod in $pods; do
  [ "${pod%%.*}" != "$wanted" ] || new=$pod
  [ "$(sql "$pod" 'SELECT @@read_only')" != 0 ] || old="$old$pod "
done
old=${old% }
case $old in
  '') echo "no pod of $service is writable" >&2; exit 1 ;;
  *' '*) echo "more than one is writable: $old" >&2; exit 1 ;;
  "$new") echo "$wanted is the primary" >&2; exit 0 ;;
esac
[ -n "$new" ] || { echo "$wanted is not among $pods" >&2; exit 1; }

# From here on nobody can write, until the new one has all that was written.
sql "$old" "SET GLOBAL read_only = 1"
last=$(sql "$old" "SELECT @@gtid_binlog_pos")
if [ "$(sql "$new" "SELECT MASTER_GTID_WAIT('$last', $patience)")" != 0 ]; then
  sql "$old" "SET GLOBAL read_only = 0"
  echo "$wanted does not catch up; ${old%%.*} stays the primary" >&2
  exit 1
fi
sql "$new" "STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = 0"

for pod in $pods; do
  [ "$pod" = "$new" ] || sql "$pod" "STOP SLAVE;
    SET GLOBAL gtid_slave_pos = @@gtid_current_pos;
    CHANGE MASTER TO
      MASTER_HOST = '$new',
      MASTER_USER = 'replication', MASTER_PASSWORD = '$MYSQL_PWD',
      MASTER_SSL = 1, MASTER_SSL_CA = '$TLS/ca.crt', MASTER_SSL_VERIFY_SERVER_CERT = 1,
      MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1;
    START SLAVE"
done
