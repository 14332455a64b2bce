"""Names: the Kubernetes DNS schema, from what people type to what DNS is asked.

In: text of any form and origin. Out: validated, lower-case names. Knows nothing
of where defaults come from (that is ``resolvconf``) or of the wire.

The schema is the Kubernetes DNS-based service discovery specification 1.1
(kubernetes/dns): a Service is ``<service>.<namespace>.svc.<cluster domain>``, a pod
with a hostname is one label before it, a port is ``_<port>._<proto>`` before it.
Labels are those of RFC 1123: at most 63 octets of ``a-z``, ``0-9`` and ``-``, a
letter or digit at both ends; a whole name holds at most 253.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..errors import InvalidName
from .values import Value

__all__ = [
    "DEFAULT_CLUSTER_DOMAIN",
    "ServiceName",
    "ServiceParts",
    "check_domain",
    "check_label",
    "is_pod_label",
    "ordinal_of",
    "split_service",
    "srv_labels",
]

DEFAULT_CLUSTER_DOMAIN = "cluster.local"
MAX_NAME = 253
MAX_LABEL = 63

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.ASCII)
_POD_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*)", re.ASCII)
_ORDINAL = re.compile(r"(.+)-(0|[1-9][0-9]*)", re.ASCII)
# A ReplicaSet's pods end in "-<pod-template-hash>-<5 characters>"; both parts are written
# in the vowel-free alphabet of apimachinery's util/rand, the hash being a 32-bit number.
_TEMPLATE_HASH = re.compile(
    r".+-[bcdfghjklmnpqrstvwxz2456789]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}", re.ASCII
)


class ServiceParts(NamedTuple):
    """What a text says about a Service; None where it leaves something open."""

    service: str
    namespace: str | None
    cluster_domain: str | None


class ServiceName(Value):
    """The full name of one Service.

    Args:
        text: ``db``, ``db.shop``, ``db.shop.svc`` or ``db.shop.svc.cluster.local``, with
            or without the last dot, in any letter case.
        namespace: The namespace, where ``text`` has none. One that contradicts
            ``text`` is an error.
        cluster_domain: The cluster domain, where ``text`` has none; default
            ``cluster.local``. One that contradicts ``text`` is an error.

    Raises:
        InvalidName: ``text`` cannot be the name of a Service, or says something else
            than ``namespace`` or ``cluster_domain``, or no namespace is known.

    >>> ServiceName("My-Database.shop").fqdn
    'my-database.shop.svc.cluster.local'
    """

    __slots__ = ("_fqdn", "cluster_domain", "namespace", "service")
    service: str
    namespace: str
    cluster_domain: str
    _fqdn: str

    def __init__(
        self, text: str, *, namespace: str | None = None, cluster_domain: str | None = None
    ) -> None:
        parts = split_service(text, namespace=namespace, cluster_domain=cluster_domain)
        if parts.namespace is None:
            raise InvalidName(
                text,
                f"the namespace is missing: write {parts.service + '.<namespace>'!r} "
                "or pass namespace=",
            )
        domain = parts.cluster_domain or DEFAULT_CLUSTER_DOMAIN
        fqdn = f"{parts.service}.{parts.namespace}.svc.{domain}"
        _check_length(text, fqdn)
        self._set(
            service=parts.service, namespace=parts.namespace, cluster_domain=domain, _fqdn=fqdn
        )

    @property
    def fqdn(self) -> str:
        """The full name without the last dot, as certificates hold it."""
        return self._fqdn

    def __str__(self) -> str:
        return self.fqdn

    def pod(self, name: str) -> str:
        """The FQDN of one pod of the StatefulSet this Service governs, without the last dot.

        Args:
            name: The pod's name, ``mysql-0``.

        Raises:
            InvalidName: ``name`` is no RFC 1123 label, or the whole gets too long.
        """
        fqdn = f"{check_label(name, 'pod name')}.{self.fqdn}"
        _check_length(name, fqdn)
        return fqdn

    def srv(self, port: str, protocol: str = "tcp") -> str:
        """The name whose SRV records tell one named port, without the last dot.

        Args:
            port: The port's *name* in the Service; numbers cannot be asked.
            protocol: ``tcp``, ``udp`` or ``sctp``.

        Raises:
            InvalidName: Either of them is not usable.
        """
        name = f"{srv_labels(port, protocol)}.{self.fqdn}"
        _check_length(port, name)
        return name

    def hostnames(self, statefulset: str, count: int, start: int = 0) -> tuple[str, ...]:
        """The FQDNs of a StatefulSet's pods by ordinal, without asking DNS.

        Args:
            statefulset: The StatefulSet's name; this Service is its ``serviceName``.
            count: How many replicas, 0 or more.
            start: The first ordinal (``spec.ordinals.start``), default 0.

        Raises:
            InvalidName: ``statefulset`` is no RFC 1123 label.
            ValueError: ``count`` or ``start`` is negative.
        """
        if count < 0 or start < 0:
            raise ValueError(f"count and start are 0 or more, not {count} and {start}")
        check_label(statefulset, "StatefulSet name")
        return tuple(self.pod(f"{statefulset}-{n}") for n in range(start, start + count))


def split_service(
    text: str, *, namespace: str | None = None, cluster_domain: str | None = None
) -> ServiceParts:
    """Take the text that names a Service apart and hold it against the arguments.

    Args:
        text: Any form that people type, see `ServiceName`.
        namespace: What the caller says the namespace is, or None.
        cluster_domain: What the caller says the cluster domain is, or None.

    Returns:
        Validated lower-case parts, None where neither text nor argument says anything.

    Raises:
        InvalidName: With the label at fault and the reason.
    """
    labels = _labels(text, "Service name")
    _refuse_other_kinds(text, labels)
    service = _checked(text, labels[0], "Service name")
    found_namespace = _checked(text, labels[1], "namespace") if len(labels) > 1 else None
    found_domain = None
    if len(labels) > 3:
        found_domain = check_domain(".".join(labels[3:]))
    if namespace is not None:
        namespace = check_label(namespace, "namespace")
        if found_namespace not in (None, namespace):
            raise InvalidName(
                text,
                f"it says namespace {found_namespace!r}, the argument says {namespace!r}: "
                "leave one of them out",
            )
    if cluster_domain is not None:
        cluster_domain = check_domain(cluster_domain)
        if found_domain not in (None, cluster_domain):
            raise InvalidName(
                text,
                f"it says cluster domain {found_domain!r}, the argument says "
                f"{cluster_domain!r}: leave one of them out",
            )
    return ServiceParts(service, found_namespace or namespace, found_domain or cluster_domain)


def _refuse_other_kinds(text: str, labels: list[str]) -> None:
    """Refuse names of something else than a Service, saying what they look like."""
    if labels[0].startswith("_"):
        raise InvalidName(
            text,
            "it begins with '_', so it is an SRV name: give the Service's name, and the port's "
            "name as port=",
        )
    if len(labels) > 3 and labels[2] != "svc" and labels[3] == "svc":
        raise InvalidName(
            text, f"this is the name of a pod; its Service is {'.'.join(labels[1:])!r}"
        )
    if len(labels) > 2 and labels[2] != "svc":
        raise InvalidName(
            text,
            f"the third label of a Service's name is 'svc', not {_short(labels[2])}: write "
            "'<service>', '<service>.<namespace>' or '<service>.<namespace>.svc.<cluster domain>'",
        )


def check_label(text: str, what: str) -> str:
    """One RFC 1123 label in lower case.

    Args:
        text: The label, in any letter case.
        what: What the label is, for the error: ``"namespace"``.

    Raises:
        InvalidName: Empty, over 63 octets, or with a character that must not be there.
    """
    if "." in text:
        raise InvalidName(text, f"the {what} is one label and holds no dot")
    return _checked(text, text, what)


def check_domain(text: str) -> str:
    """A cluster domain in lower case without the last dot.

    Raises:
        InvalidName: Not a sequence of RFC 1123 labels.
    """
    labels = _labels(text, "cluster domain")
    return ".".join(_checked(text, label, "cluster domain") for label in labels)


def srv_labels(port: str, protocol: str) -> str:
    """The two labels ``_port._protocol`` in lower case.

    Raises:
        InvalidName: The port is no RFC 1123 label, or the protocol none of the three
            that a Service can have.
    """
    port = check_label(port.removeprefix("_"), "port name")
    known = protocol[:6].lower().removeprefix("_")  # cut first: any text may be given
    if len(protocol) > 6 or known not in ("tcp", "udp", "sctp"):
        raise InvalidName(protocol, "the protocol of a port is tcp, udp or sctp")
    return f"_{port}._{known}"


def is_pod_label(label: str) -> bool:
    """Whether a label that came from DNS may name a pod.

    Only ``a-z``, ``0-9``, ``_`` and ``-``, at most 63 octets, no ``-`` in front: such
    text is harmless in files, environment variables, argument lists and logs.
    """
    return len(label) <= MAX_LABEL and _POD_LABEL.fullmatch(label) is not None


def ordinal_of(label: str, addresses: tuple[str, ...], statefulset: str | None) -> int | None:
    """The ordinal in a pod's name ``<statefulset>-<n>``, or None.

    Args:
        label: The first label of the pod's hostname.
        addresses: The pod's addresses. CoreDNS names a pod without a hostname after its
            address (``10-244-1-12``), and that 12 is no ordinal.
        statefulset: The StatefulSet's name: then only its pods have an ordinal. None
            guesses, leaving out names that end in a pod-template hash.
    """
    found = _ORDINAL.fullmatch(label)
    if found is None:
        return None
    prefix, number = found.groups()
    if len(number) > 10:  # beyond an int32 no StatefulSet can count; also bounds int()
        return None
    if statefulset is not None:
        return int(number) if prefix == statefulset else None
    if label in {address.replace(".", "-").replace(":", "-") for address in addresses}:
        return None
    if _TEMPLATE_HASH.fullmatch(label):
        return None
    return int(number)


def _labels(text: str, what: str) -> list[str]:
    """Split at the dots, the last one being optional; bounded before any work."""
    if len(text) > MAX_NAME + 1:
        raise InvalidName(text, f"a {what} holds at most {MAX_NAME} octets, this one {len(text)}")
    name = text.removesuffix(".")
    if not name:
        raise InvalidName(text, f"the {what} is empty")
    return (name.lower() if name.isascii() else name).split(".")


def _checked(text: str, label: str, what: str) -> str:
    """One label of ``text``, lower-case, or an error that says which and why."""
    if len(label) > MAX_LABEL:
        raise InvalidName(
            text,
            f"label {_short(label)} of the {what} has {len(label)} octets, at most "
            f"{MAX_LABEL} are allowed",
        )
    if not text:
        raise InvalidName(text, f"the {what} is empty")
    if not label:
        raise InvalidName(
            text, f"the {what} has an empty label (two dots in a row, or one in front)"
        )
    lower = label.lower() if label.isascii() else label
    if _LABEL.fullmatch(lower) is None:
        raise InvalidName(
            text,
            f"label {_short(label)} of the {what} is not of RFC 1123: letters, digits and '-' "
            "only, a letter or digit at both ends",
        )
    return lower


def _check_length(text: str, fqdn: str) -> None:
    if len(fqdn) > MAX_NAME:
        raise InvalidName(
            text, f"the full name has {len(fqdn)} octets, at most {MAX_NAME} are allowed"
        )


def _short(label: str) -> str:
    return ascii(label if len(label) <= MAX_LABEL + 1 else label[:MAX_LABEL] + "...")
