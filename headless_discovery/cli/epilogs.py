"""Epilogs: what the help of each command says below its flags."""

from __future__ import annotations

__all__ = ["CONNECT", "EXEC", "LIST", "TIMELINE", "WAIT", "WATCH", "WRITE"]

_TWINS = """
Each flag has an environment twin, HEADLESS_DISCOVERY_NAMESPACE for --namespace;
repeatable ones are plural and comma-separated (HEADLESS_DISCOVERY_NAMESERVERS).
"""

LIST = f"""\
examples:
  headless-discovery list my-database.shop
  headless-discovery list nginx-headless -n default --port web -o json
  headless-discovery list my-database.shop --nameserver 127.0.0.1:5353 --explain

exit codes:
  0  found
  1  none found: EMPTY (the name exists, no such record) or ABSENT (no such Service,
     or no ready pod, or no such port)
  2  wrong usage, a bad name, missing configuration
  3  DNS failed, or a part of the look did: nothing is known about who is there
  5  the Service is not headless
 70  a defect of this program   74  stdout cannot be written
130  SIGINT   141  whoever read stdout has left
{_TWINS}"""

WATCH = f"""\
examples:
  headless-discovery watch my-database.shop
  headless-discovery watch my-database.shop -o jsonl --duration 30s
  headless-discovery watch my-database.shop --record monday.jsonl

exit codes:
  0  --duration has passed
  2  wrong usage, a bad name, missing configuration
  5  the Service is not headless
 70  a defect of this program   74  stdout or the recording cannot be written
130  SIGINT   141  whoever read stdout has left   143  SIGTERM
{_TWINS}"""

WAIT = f"""\
conditions:
  count=3       at least 3 pods
  quorum=5      a majority of 5 pods: at least 3
  ordinals=0-2  the pods of a StatefulSet with these ordinals; also 0,2 and 0-2,5
  names=a,b     the pods of these names, or of these full hostnames
  listed        this pod itself

examples:
  headless-discovery wait my-database.shop --for count=3
  headless-discovery wait my-database.shop --for ordinals=0-2 --stable 5s --timeout 2m
  headless-discovery wait my-database.shop --for count=1 --tcp-port 3306 -- ./migrate.sh

exit codes:
  0  the condition holds; with a command: the command's own
  2  wrong usage, a condition that makes no sense, a bad name, missing configuration
  5  the Service is not headless
 70  a defect of this program
124  --timeout has passed
126  the command cannot be executed   127  the command is not found
130  SIGINT   143  SIGTERM
{_TWINS}"""

WRITE = f"""\
examples:
  headless-discovery write my-database.shop --to /peers/peers.txt
  headless-discovery write my-database.shop --to peers.env -o env --once --expected 3

exit codes:
  0  written (--once)
  1  --once: --timeout has passed, and DNS says that nobody is there
  2  wrong usage, a bad name, missing configuration, a file that cannot be written
  3  --once: --timeout has passed, and DNS failed
  5  the Service is not headless
 70  a defect of this program   74  the first write failed (--once, --expected)
124  --timeout has passed, and fewer than --expected pods are there
130  SIGINT   143  SIGTERM
{_TWINS}"""

CONNECT = f"""\
examples:
  headless-discovery connect my-database.shop
  headless-discovery connect my-database.shop --to 0 --tls --ca-file ca.pem
  headless-discovery connect my-database.shop --all --port 3306 -o json

exit codes:
  0  connected, with --tls to a pod whose name was verified; with --all: to every pod
  1  no such endpoint, or nobody is listed
  2  wrong usage, a bad name, missing configuration, no port
  3  DNS failed, or the part of the look that might have told this pod
  5  the Service is not headless
  6  no connection, or the name was not verified; with --all: of one pod at least
 70  a defect of this program   74  stdout cannot be written
124  --timeout has passed
130  SIGINT   141  whoever read stdout has left   143  SIGTERM
{_TWINS}"""

EXEC = f"""\
placeholders, in each ARG:
  {{hostname}}  mysql-0.my-database.shop.svc.cluster.local: what certificates hold
  {{address}}   10.244.0.2 or fd00::2, without brackets
  {{port}}      3306: the one that DNS gives, or that of --port
  {{name}}      mysql-0
  {{ordinal}}   0
A brace that is meant as one is doubled: {{{{ and }}}}. There is no shell.

examples:
  headless-discovery exec my-database.shop --to 0 -- mysql -h {{hostname}} -P {{port}}
  headless-discovery exec redis.shop --to redis-1 --wait -- redis-cli -h {{hostname}} ping
  headless-discovery exec web.shop --check -- curl http://{{hostname}}:{{port}}/

exit codes, the command's own once it runs; before:
  1  no such endpoint, or nobody is listed
  2  wrong usage, an unknown placeholder, no port to fill in, missing configuration
  3  DNS failed, or the part of the look that might have told this pod
  5  the Service is not headless
  6  --check: no connection
 70  a defect of this program
124  --timeout has passed (--wait, --check)
126  the command cannot be executed   127  the command is not found
130  SIGINT   143  SIGTERM
{_TWINS}"""

TIMELINE = f"""\
examples:
  headless-discovery timeline monday.jsonl
  headless-discovery timeline monday.jsonl -o svg > monday.svg

exit codes:
  0  drawn
  2  wrong usage, no such file, no recording
 70  a defect of this program   74  stdout cannot be written
130  SIGINT   141  whoever read stdout has left
{_TWINS}"""
