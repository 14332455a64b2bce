"""The table of questions both servers are asked, each with what it shows.

A row is a name, the types it is asked for, and the reason. Names without a last dot are
below `svc.cluster.local`; in braces is what the control plane chose, see `state.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import dns.flags

from tests.contract.asking import Question

ZONE = "svc.cluster.local."

_NO_SUCH = "there is no such name: SOA and NXDOMAIN"
_LONG_QUESTION = ".".join(["x" * 59] * 3) + ".y"


class Row(NamedTuple):
    """One name, the types it is asked for, and what the answers show."""

    name: str
    types: str
    reason: str


SERVICES = (
    Row("web.shop", "A AAAA SRV", "a StatefulSet under its governing Service"),
    Row("web.shop", "ANY TXT MX CNAME HTTPS NS SOA PTR NAPTR TYPE65280 DS", "no data, SOA"),
    Row("web-0.web.shop", "A AAAA SRV TXT CNAME ANY", "a pod has its hostname"),
    Row("web-2.web.shop", "A", "the last of three ordinals"),
    Row("web-3.web.shop", "A AAAA SRV", "beyond the replicas"),
    Row("{web0_4}.web.shop", "A SRV", "an endpoint with a hostname has no dashed name"),
    Row("x.web-0.web.shop", "A SRV", "no port of that name"),
    Row("_http._tcp.web-0.web.shop", "SRV A", "too many labels"),
    Row("web-too.shop", "A SRV", "the same pods under a second Service: dashed names"),
    Row("web-0.web-too.shop", "A SRV", "hostnames are the governing Service's only"),
    Row("{web0_4}.web-too.shop", "A AAAA SRV", "the dashed name of a pod"),
    Row("db.shop", "A SRV", "ordinals that start at 5, one unnamed port"),
    Row("db-5.db.shop", "A SRV", "the first ordinal is 5"),
    Row("db-0.db.shop", "A", "there is no ordinal 0"),
    Row("other.shop", "A SRV", "pods whose serviceName names no Service"),
    Row("orphan-0.other.shop", "A SRV", "such a pod's hostname is known nowhere"),
    Row("orphan-0.missing.shop", "A SRV", "nor under the Service that is missing"),
    Row("{orphan0_4}.other.shop", "A SRV", "its dashed name is"),
    Row("app.shop", "A AAAA SRV", "pods of a Deployment: dashed names"),
    Row("{app0_4}.app.shop", "A AAAA SRV TXT", "one of these"),
    Row("{app0}.app.shop", "A SRV", "the pod's own name, with endpoint_pod_names only"),
    Row("mixed.shop", "A SRV", "targetPort is a name: pods differ, some have none"),
    Row("_http._tcp.mixed.shop", "A SRV", "those that have it"),
    Row("{mixed0_4}.mixed.shop", "SRV A", "one of the pods that differ"),
    Row("nobody.shop", "A AAAA SRV TXT MX ANY SOA NS CNAME PTR", _NO_SUCH),
    Row("web-0.nobody.shop", "A SRV", _NO_SUCH),
    Row("kubernetes.default", "A AAAA SRV PTR", "the API server's own Service"),
)

PORTS = (
    Row("_http._tcp.web.shop", "SRV A AAAA TXT", "a named port; SRV says the target port"),
    Row("http.tcp.web.shop", "SRV A", "underscores are taken off, and not missed"),
    Row("_http.tcp.web.shop", "SRV", "one underscore"),
    Row("__http.__tcp.web.shop", "SRV", "two underscores: one is taken off"),
    Row("_._tcp.web.shop", "SRV A", "an empty port is any"),
    Row("_._.web.shop", "SRV A", "so is an empty protocol"),
    Row("_http._.web.shop", "SRV", "a port of any protocol"),
    Row("_tcp.web.shop", "SRV A", "one label is an endpoint's name"),
    Row("_.web.shop", "SRV A", "even one underscore"),
    Row("_8080._tcp.web.shop", "SRV", "ports go by name, not by target port"),
    Row("_80._tcp.web.shop", "SRV A", "nor by port"),
    Row("_nope._tcp.web.shop", "SRV", "no such port"),
    Row("_http._udp.web.shop", "SRV", "no such protocol"),
    Row("_tcp._http.web.shop", "SRV", "the wrong way round"),
    Row("*._tcp.web.shop", "SRV A", "there are no wildcards"),
    Row("_*._tcp.web.shop", "SRV", "nor with an underscore"),
    Row("_http.*.web.shop", "SRV", "nor for the protocol"),
    Row("*.web.shop", "A SRV", "nor for endpoints"),
    Row("*.shop", "A SRV", "nor for Services"),
    Row("web.*", "A SRV", "nor for namespaces"),
    Row("any.web.shop", "A SRV", "nor the old word for it"),
    Row("_http._tcp.web-too.shop", "SRV", "an unnamed port has no name"),
    Row("_._tcp.web-too.shop", "SRV", "any port of TCP"),
    Row("_3306._tcp.db.shop", "SRV", "no numbers either"),
    Row("_._tcp.db.shop", "SRV", "the unnamed port by way of any"),
    Row("_tcp.db.shop", "SRV", "not this way"),
    Row("ports.shop", "A SRV", "several ports and protocols in one answer"),
    Row("ports-0.ports.shop", "SRV A", "all ports of one pod"),
    Row("_dns._udp.ports.shop", "SRV", "one by name and protocol"),
    Row("_dns._tcp.ports.shop", "SRV", "the name of a UDP port with TCP"),
    Row("_dns-tcp._tcp.ports.shop", "SRV", "a name with a dash"),
    Row("_media._sctp.ports.shop", "SRV", "SCTP"),
    Row("_._udp.ports.shop", "SRV A", "all ports of UDP"),
    Row("_._tcp.ports.shop", "SRV", "both ports of TCP"),
    Row("noports.shop", "A AAAA SRV", "no ports: no SRV, and no error"),
    Row("_http._tcp.noports.shop", "SRV A", "no port of that name"),
    Row("_._tcp.noports.shop", "SRV A", "nor of any"),
    Row("{noports0_4}.noports.shop", "A SRV", "an endpoint without ports"),
)

VIRTUAL = (
    Row("web-ip.shop", "A AAAA SRV", "ClusterIP: the port, not the target port"),
    Row("_http._tcp.web-ip.shop", "SRV A AAAA", "its named port"),
    Row("_._tcp.web-ip.shop", "SRV", "any port"),
    Row("_8080._tcp.web-ip.shop", "SRV", "not the target port"),
    Row("_nope._tcp.web-ip.shop", "SRV A", "no such port"),
    Row("{web0_4}.web-ip.shop", "A SRV", "endpoints have names here too"),
    Row("web-0.web-ip.shop", "A", "not their hostnames"),
    Row("app-ip.shop", "A AAAA SRV", "dual stack"),
    Row("{app0_4}.app-ip.shop", "A AAAA SRV", "a dual-stack pod by its IPv4 address"),
    Row("{app0_6}.app-ip.shop", "A AAAA SRV", "and by its IPv6 address"),
    Row("dual-ip.shop", "A AAAA SRV", "dual stack with a named port"),
    Row("ports-ip.shop", "A SRV", "several ports: weights"),
    Row("_dns._udp.ports-ip.shop", "SRV A", "one of several"),
    Row("_._udp.ports-ip.shop", "SRV", "all of a protocol"),
    Row("nothing-ip.shop", "A SRV", "no endpoints: the address nevertheless"),
    Row("nothing-dual.shop", "A AAAA SRV", "two addresses, no endpoints"),
    Row("nothing-v6.shop", "A AAAA SRV", "IPv6 only"),
    Row("unready-ip.shop", "A SRV", "no ready endpoints"),
    Row("by-hand-ip.hand", "A SRV", "endpoints written by hand"),
    Row("bh-0.by-hand-ip.hand", "A SRV", "one of them, by its hostname"),
    Row("x.y.web-ip.shop", "A SRV TXT", _NO_SUCH),
)

ALIASES = (
    Row("outside.shop", "A AAAA SRV CNAME TXT ANY", "ExternalName outside: CNAME only"),
    Row("inside.shop", "A AAAA SRV CNAME TXT", "inside: CNAME and addresses, but no SRV"),
    Row("inside-ip.shop", "A AAAA SRV CNAME", "of a ClusterIP Service"),
    Row("inside-dual.shop", "A AAAA SRV CNAME", "of a dual-stack Service"),
    Row("_http._tcp.inside-dual.shop", "A SRV", "ports of an alias have no names"),
    Row("inside-pod.shop", "A SRV", "of a pod"),
    Row("inside-v4.shop", "A AAAA", "of a Service without the family"),
    Row("chain.shop", "A AAAA SRV CNAME", "an alias of an alias"),
    Row("to-outside.shop", "A CNAME SRV", "an alias of an alias outside"),
    Row("itself.shop", "A CNAME", "an alias of itself"),
    Row("ping.shop", "A CNAME", "a circle of two"),
    Row("broken.shop", "A AAAA SRV CNAME", "a target that does not exist"),
    Row("address.shop", "A CNAME SRV", "an address for a name"),
    Row("reverse.shop", "A CNAME", "a name in another of the zones"),
    Row("x.inside.shop", "A SRV", "an alias has no endpoints"),
    Row("_http._tcp.inside.shop", "A SRV", "and no ports"),
    Row("names.hand", "A AAAA SRV CNAME", "a slice of names: CNAMEs"),
)

READINESS = (
    Row("nothing.shop", "A AAAA SRV TXT", "a selector that matches nothing: NXDOMAIN"),
    Row("unready.shop", "A SRV", "pods, none of them ready"),
    Row("unready-0.unready.shop", "A SRV", "nor has one a name"),
    Row("unready-all.shop", "A SRV", "publishNotReadyAddresses: all of them"),
    Row("{unready0_4}.unready-all.shop", "A SRV", "under dashed names"),
    Row("some.shop", "A SRV", "one of three is not ready"),
    Row("some-1.some.shop", "A SRV", "it has no name"),
    Row("some-2.some.shop", "A", "the others have"),
    Row("some-all.shop", "A SRV", "where all are published it is listed"),
    Row("leaving.shop", "A SRV", "a terminating pod is left out"),
    Row("leaving-1.leaving.shop", "A", "and has no name"),
    Row("leaving-all.shop", "A SRV", "where all are published it stays"),
    Row("conditions.hand", "A SRV", "ready: nil is listed, false is not"),
    Row("nil.conditions.hand", "A", "ready: nil"),
    Row("serving.conditions.hand", "A SRV", "serving and terminating, yet not ready"),
    Row("going.conditions.hand", "A SRV", "ready and terminating"),
    Row("off.conditions.hand", "A", "not ready"),
    Row("on.conditions.hand", "A", "ready, not serving"),
    Row("all-off.hand", "A SRV", "every endpoint is off"),
    Row("no-endpoints.hand", "A SRV", "a slice without endpoints"),
    Row("no-slices.hand", "A SRV", "no slice at all"),
    Row("vacant", "A SRV TXT", "an empty namespace is a name"),
    Row("web.vacant", "A SRV", "without Services"),
)

FAMILIES = (
    Row("dual.shop", "A AAAA SRV", "dual stack: one SRV a pod, glue of both families"),
    Row("dual-0.dual.shop", "A AAAA SRV", "one of the pods"),
    Row("_http._tcp.dual.shop", "SRV", "weights count both families"),
    Row("dual-4.shop", "A AAAA SRV", "dual-stack pods under an IPv4 Service"),
    Row("{dual0_6}.dual-4.shop", "AAAA", "where the IPv6 address is not listed"),
    Row("v6.shop", "A AAAA SRV", "IPv6 only, names by address"),
    Row("{v60_6}.v6.shop", "A AAAA SRV", "such a name"),
    Row("v6set.shop", "A AAAA SRV", "IPv6 only, with hostnames"),
    Row("v6set-0.v6set.shop", "A AAAA SRV", "one of the pods"),
    Row("v6-hand.hand", "A AAAA SRV", "addresses that end in colons"),
    Row("fd00-244-9--0.v6-hand.hand", "AAAA SRV", "their names end in a 0"),
    Row("fd00-244-9--.v6-hand.hand", "AAAA", "and not in dashes"),
    Row("fd00-244-9--8.v6-hand.hand", "AAAA SRV A", "an ordinary one"),
    Row("named.v6-hand.hand", "AAAA", "one with a hostname"),
)

BY_HAND = (
    Row("twice.hand", "A SRV", "an endpoint in two slices: once, but it weighs twice"),
    Row("same.twice.hand", "A SRV", "by its name"),
    Row("twice-inside.hand", "A SRV", "twice in one slice"),
    Row("one-name.hand", "A SRV", "one hostname on two addresses"),
    Row("shared.one-name.hand", "A SRV", "both of them"),
    Row("one-endpoint.hand", "A SRV", "two addresses of one endpoint"),
    Row("one-address.hand", "A SRV", "two hostnames on one address"),
    Row("null-port.hand", "A SRV", "a port without a number"),
    Row("_web._tcp.null-port.hand", "A SRV", "by its name"),
    Row("null-ports.hand", "A SRV", "no ports in the slice"),
    Row("_._tcp.null-ports.hand", "A SRV", "any port of none"),
    Row("some-null.hand", "A SRV", "one slice with a number and one without"),
    Row("differing.hand", "A SRV", "slices with different ports"),
    Row("_web._tcp.differing.hand", "A SRV", "two numbers of one name"),
    Row("_admin._tcp.differing.hand", "A SRV", "a port of one slice only"),
    Row("protocols.hand", "A SRV", "UDP, TCP and SCTP"),
    Row("_media._sctp.protocols.hand", "SRV", "one of these"),
    Row("pod-names.hand", "A SRV", "names of pods with dots and beyond 63 letters"),
    Row("10-244-200-50.pod-names.hand", "A", "dashed, unless pods' names are used"),
    Row("with.a.dot.pod-names.hand", "A SRV", "a name with dots is too many labels"),
    Row(r"with\.a\.dot.pod-names.hand", "A", "nor is it one with the dots inside"),
    Row("p" * 63 + ".pod-names.hand", "A SRV", "the longest name of a pod that fits"),
    Row("host.pod-names.hand", "A", "the hostname comes first"),
    Row("svc.hand", "A SRV", "a Service called svc"),
    Row("svc-0.svc.hand", "A", "and its endpoint"),
    Row("tcp.hand", "A SRV", "a Service called tcp"),
    Row("tcp.tcp.hand", "A SRV", "and its endpoint of that name"),
    Row("ghost.hand", "A SRV", "slices, but no Service"),
    Row("{long}.{long}", "A AAAA SRV", "every label is as long as can be"),
    Row("_http._tcp.{long}.{long}", "SRV", "no such port there"),
    Row("{long17}.{long}.{long}", "A SRV", "one endpoint of these"),
)

SIZES = (
    Row("n3.hand", "A SRV", "fits everywhere"),
    Row("n10.hand", "A SRV", "SRV is too much for UDP without EDNS"),
    Row("n18.hand", "A SRV", "compressed, to the last glue"),
    Row("n30.hand", "A SRV", "A is too much for UDP without EDNS"),
    Row("n150.hand", "A SRV AAAA", "two slices"),
    Row("mysql-7.n150.hand", "A SRV", "one name of these"),
    Row("_._tcp.n150.hand", "SRV", "by any port"),
)

PODS = (
    Row("{web0_4}.shop.pod.cluster.local.", "A AAAA SRV TXT", "a pod by its address"),
    Row("{web0_4}.hand.pod.cluster.local.", "A", "in a namespace where it is not"),
    Row("{web0_4}.nobody.pod.cluster.local.", "A", "in a namespace that is not"),
    Row("{dual0_6}.shop.pod.cluster.local.", "AAAA A", "by its IPv6 address"),
    Row("{leaving1_4}.shop.pod.cluster.local.", "A", "one that terminates"),
    Row("{unready0_4}.shop.pod.cluster.local.", "A", "one that is not ready"),
    Row("{app0_4}.shop.pod.cluster.local.", "A", "one of a Deployment"),
    Row("{app0}.shop.pod.cluster.local.", "A", "a pod's name says nothing here"),
    Row("9-9-9-9.shop.pod.cluster.local.", "A SRV", "an address nobody has"),
    Row("10-244-200-1.hand.pod.cluster.local.", "A", "an endpoint that is no pod"),
    Row("fd00--1.shop.pod.cluster.local.", "AAAA A", "an IPv6 address nobody has"),
    Row("999-9-9-9.shop.pod.cluster.local.", "A", "no address"),
    Row(r"9\.9\.9\.9.shop.pod.cluster.local.", "A", "dots inside a label"),
    Row("::1.shop.pod.cluster.local.", "AAAA", "colons inside a label"),
    Row("nonsense.shop.pod.cluster.local.", "A", "no address at all"),
    Row("x.9-9-9-9.shop.pod.cluster.local.", "A SRV", "a label too many"),
    Row("_x._tcp.9-9-9-9.shop.pod.cluster.local.", "SRV A", "a port of an address"),
    Row("shop.pod.cluster.local.", "A", "a namespace of pods"),
    Row("nobody.pod.cluster.local.", "A", _NO_SUCH),
    Row("pod.cluster.local.", "A SRV", "the word by itself"),
)

ZONES = (
    Row("shop", "A AAAA SRV TXT SOA NS", "a namespace is a name without data"),
    Row("nobody", "A SRV TXT SOA", "one that is not there"),
    Row(ZONE, "A TXT SRV", "the word by itself"),
    Row("cluster.local.", "A AAAA SRV SOA NS TXT MX ANY CNAME PTR", "the apex"),
    Row("dns-version.cluster.local.", "TXT A SRV", "the version of the schema"),
    Row("DNS-Version.cluster.local.", "TXT", "in another case"),
    Row("ns.dns.cluster.local.", "A AAAA SRV TXT", "the server's own name"),
    Row("dns.cluster.local.", "A", "but not the one above it"),
    Row("web.shop.cluster.local.", "A SRV", "svc left out"),
    Row("shop.cluster.local.", "A", "a namespace without svc"),
    Row("web.shop.endpoints.cluster.local.", "A", "neither svc nor pod"),
    Row("a.b.c.d.e.shop", "A SRV", "too many labels"),
    Row(_LONG_QUESTION + ".web.shop", "A SRV", "nearly 255 octets"),
    Row("example.com.", "A SRV SOA", "outside: SERVFAIL"),
    Row("local.", "A SOA", "above the zone"),
    Row(".", "NS A SOA", "the root"),
    Row("notcluster.local.", "A", "a zone by the letters only"),
    Row("cluster.local.", "AXFR IXFR", "no transfers"),
    Row("web.shop", "AXFR", "nor of names"),
    Row(r"web\000.shop", "A", "a zero octet in a label"),
    Row(r"we\.b.shop", "A SRV", "a dot in a label"),
    Row(r"w\226\130\172b.shop", "A", "octets beyond ASCII"),
)

REVERSE = (
    Row("{web0_r4}.", "PTR", "a pod: each Service that lists it"),
    Row("{web0_r4}.", "A SRV TXT ANY SOA", "other types"),
    Row("{app0_r4}.", "PTR", "a pod of a Deployment"),
    Row("{app0_r6}.", "PTR", "by its IPv6 address"),
    Row("{dual0_r4}.", "PTR", "a dual-stack pod"),
    Row("{dual0_r6}.", "PTR", "by its IPv6 address"),
    Row("{v60_r6}.", "PTR", "a name by address"),
    Row("{unready0_r4}.", "PTR", "by way of the Service that publishes it"),
    Row("{some1_r4}.", "PTR", "the same"),
    Row("{leaving1_r4}.", "PTR", "the same, terminating"),
    Row("{webip_r4}.", "PTR", "a cluster IP"),
    Row("{nothingdual_r6}.", "PTR", "a cluster IP of IPv6"),
    Row("{kubernetes_r4}.", "PTR", "the API server's"),
    Row("10.200.244.10.in-addr.arpa.", "PTR", "an endpoint in two slices"),
    Row("24.200.244.10.in-addr.arpa.", "PTR", "an endpoint of two names"),
    Row("22.200.244.10.in-addr.arpa.", "PTR", "the first address of an endpoint"),
    Row("23.200.244.10.in-addr.arpa.", "PTR", "its second one"),
    Row("4.200.244.10.in-addr.arpa.", "PTR", "an endpoint that is off"),
    Row("1.201.244.10.in-addr.arpa.", "PTR", "slices without a Service"),
    Row("9.9.9.9.in-addr.arpa.", "PTR A", "an address nobody has"),
    Row("50.200.244.10.in-addr.arpa.", "PTR", "an endpoint whose pod's name has dots"),
    Row(r"10\.200.244.10.in-addr.arpa.", "PTR", "a dot inside a label"),
    Row("9.9.9.in-addr.arpa.", "PTR", "three octets"),
    Row("1.1.9.9.9.9.in-addr.arpa.", "PTR", "six"),
    Row("x.9.9.9.in-addr.arpa.", "PTR", "no number"),
    Row("in-addr.arpa.", "PTR SOA NS A", "the apex of the reverse zone"),
    Row("ip6.arpa.", "PTR SOA", "that of IPv6"),
    Row("1." + "0." * 31 + "ip6.arpa.", "PTR", "::1"),
    Row("1.0.0.ip6.arpa.", "PTR", "three nibbles"),
    Row("arpa.", "A", "above it"),
)

CASES = (
    Row("WEB.shop", "A SRV", "upper case: the question's case comes back"),
    Row("wEb.sHoP.SvC.ClUsTeR.LoCaL.", "A SRV TXT AAAA", "the zone of targets is in it too"),
    Row("WEB-0.Web.Shop", "A SRV", "a pod"),
    Row("_HTTP._Tcp.Web.Shop", "A SRV", "a port"),
    Row("N18.Hand.SVC.Cluster.Local.", "A SRV", "cut and compressed"),
    Row("INSIDE.Shop", "A CNAME", "an alias"),
    Row("Nobody.SHOP.svc.CLUSTER.local.", "A SRV", "the SOA is the zone in that case"),
    Row("CLUSTER.Local.", "SOA A", "the apex"),
    Row("9.9.9.9.IN-ADDR.Arpa.", "PTR", "a reverse name"),
    Row("Example.COM.", "A", "outside"),
    Row("9-9-9-9.SHOP.Pod.Cluster.Local.", "A SRV", "a pod's address"),
)

_AS_SENT = (
    Question("web.shop", "A", "class CHAOS is refused", rclass="CH"),
    Question("version.bind.", "TXT", "so is the server's version", rclass="CH"),
    Question("web.shop", "SRV", "class ANY", rclass="ANY"),
    Question("example.com.", "A", "class HESIOD outside", rclass="HS"),
    Question("web.shop", "A", "EDNS version 1: BADVERS", edns_version=1),
    Question("nobody.shop", "SRV", "EDNS version 1 of a name that is not", edns_version=1),
    Question("example.com.", "A", "EDNS version 255 outside", edns_version=255),
    Question("web.shop", "A", "RD is copied", recursion=False),
    Question("nobody.shop", "A", "RD is copied into negative answers", recursion=False),
    Question("web.shop", "A", "CD is copied", flags=dns.flags.CD),
    Question("web.shop", "A", "AD is not", flags=dns.flags.AD),
    Question("web.shop", "SRV", "DO is echoed", edns_flags=dns.flags.DO),
    Question("nobody.shop", "SRV", "DO is echoed by negative answers", edns_flags=dns.flags.DO),
    Question("web.shop", "SRV", "other EDNS flags", edns_flags=0x0001),
    Question("web.shop", "SRV", "cookies are dropped", cookie=True),
)


def questions() -> list[Question]:
    """Return the whole table, one question for each type, with placeholders."""
    tables = (
        SERVICES,
        PORTS,
        VIRTUAL,
        ALIASES,
        READINESS,
        FAMILIES,
        BY_HAND,
        SIZES,
        PODS,
        ZONES,
        REVERSE,
        CASES,
    )
    rows = [row for table in tables for row in table]
    asked = [Question(row.name, each, row.reason) for row in rows for each in row.types.split()]
    return [
        each if each.name.endswith(".") else each._replace(name=f"{each.name}.{ZONE}")
        for each in [*asked, *_AS_SENT]
    ]
