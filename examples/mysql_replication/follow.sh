#!/bin/sh
# postStart: a new pod follows the primary, by its name and from the beginning. One that was
# here before has its place on its volume, and goes on from there.
set -eu

# By TCP: while the image prepares the volume, a server listens that is not the real one yet.
sql() { ${MARIADB:-mariadb --protocol=tcp --user=root --ssl} -e "$1"; }

until sql "SELECT 1" >/dev/null 2>&1; do sleep 0.1; done

if [ "$POD_NAME" = "$PRIMARY" ]; then
  sql "CREATE USER IF NOT EXISTS replication@'%' IDENTIFIED BY '$MYSQL_PWD' REQUIRE SSL;
       GRANT REPLICATION SLAVE ON *.* TO replication@'%'"
elif [ -z "$(sql 'SHOW REPLICA STATUS')" ]; then
  sql "CHANGE MASTER TO
         MASTER_HOST = '$PRIMARY.$DOMAIN',
         MASTER_USER = 'replication', MASTER_PASSWORD = '$MYSQL_PWD',
         MASTER_SSL = 1, MASTER_SSL_CA = '$TLS/ca.crt', MASTER_SSL_VERIFY_SERVER_CERT = 1,
         MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1;
       START SLAVE"
fi
