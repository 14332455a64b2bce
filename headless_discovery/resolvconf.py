"""What the pod was told: name servers, cluster domain, namespace, its own name.

In: resolv.conf, the environment, the service-account files. Out: validated values, or an
error that names the file or variable. Arguments always win over all of it. This is the
only module that reads the environment or a file for the library.
"""

from __future__ import annotations

import os
import re
import socket
from typing import TYPE_CHECKING, NamedTuple

from .core.conditions import OwnPod
from .core.durations import parse_duration
from .core.names import DEFAULT_CLUSTER_DOMAIN, ServiceName, check_domain, check_label
from .core.questions import Server
from .errors import ConfigError, InvalidName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .core.names import ServiceParts
    from .core.options import LookupOptions

__all__ = [
    "ResolvConf",
    "Surroundings",
    "own_pod",
    "parse_nameserver",
    "parse_resolv_conf",
]

NAMESPACE_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
PREFIX = "HEADLESS_DISCOVERY_"
DNS_PORT = 53
_READ_AT_MOST = 1 << 20
_VARIABLES = ("NAMESERVERS", "NAMESPACE", "CLUSTER_DOMAIN", "ALLOW_NETWORKS", "INTERVAL")
_SCOPE = re.compile(r"[A-Za-z0-9_.-]{1,15}")  # an interface: its name or its number


class ResolvConf(NamedTuple):
    """What resolv.conf says that matters here."""

    nameservers: tuple[Server, ...]
    search: tuple[str, ...]


def parse_resolv_conf(text: str) -> ResolvConf:
    """Read resolv.conf as glibc does (resolv.conf(5)).

    Comments begin with ``#`` or ``;``; of several ``search`` or ``domain`` lines the last
    one counts; options and lines nobody knows are passed over, and so is a nameserver
    line without an IP address.
    """
    nameservers: list[Server] = []
    search: tuple[str, ...] = ()
    for line in text.splitlines():
        words = line.split()
        if not words or words[0][0] in "#;":
            continue
        if words[0] == "nameserver" and len(words) > 1:
            address = words[1].split("#")[0].split(";")[0]
            if _is_address(address):
                nameservers.append(Server(address, DNS_PORT))
        elif words[0] in ("search", "domain"):
            search = tuple(word.lower().removesuffix(".") for word in words[1:])
    return ResolvConf(tuple(dict.fromkeys(nameservers)), search)


def parse_nameserver(text: str, setting: str = "nameservers") -> Server:
    """``10.96.0.10``, ``127.0.0.1:5353``, ``fd00::a`` or ``[fd00::a]:53``.

    Raises:
        ConfigError: No IP address, or a port that is none; names ``setting``.
    """
    address, port = text.strip(), ""
    if address.startswith("["):
        address, bracket, rest = address[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            address = ""
        port = rest[1:]
    elif address.count(":") == 1:
        address, _, port = address.partition(":")
    number = int(port) if port.isascii() and port.isdigit() and len(port) < 6 else 0
    if not _is_address(address) or (port and not 0 < number <= 65535):
        raise ConfigError(
            setting,
            f"{text[:100]!a} is no name server: write an IP address, with a port as in "
            "127.0.0.1:5353 or [fd00::a]:5353",
        )
    return Server(address, number or DNS_PORT)


class Surroundings:
    """Fills what arguments left open.

    The environment is read now, resolv.conf when it is needed and again when it changes.

    Args:
        environ: The environment, default the process's own.
        namespace_file: Where Kubernetes mounts the pod's namespace.
    """

    __slots__ = ("_environ", "_namespace_file", "_read")

    def __init__(
        self, environ: Mapping[str, str] | None = None, namespace_file: str = NAMESPACE_FILE
    ) -> None:
        environ = os.environ if environ is None else environ
        self._environ = {key: environ.get(PREFIX + key, "") for key in _VARIABLES}
        self._namespace_file = namespace_file
        # (path, what stat said, content): one tuple, so that threads see it whole.
        self._read: tuple[str, tuple[int, ...], ResolvConf] | None = None

    def needs_resolv_conf(self, parts: ServiceParts, options: LookupOptions) -> bool:
        """Whether resolv.conf has a say in whom and what to ask."""
        given = self._environ
        return not (
            (options.nameservers or given["NAMESERVERS"].strip())
            and (parts.namespace or given["NAMESPACE"])
            and (parts.cluster_domain or options.cluster_domain or given["CLUSTER_DOMAIN"])
        )

    def seen(self, options: LookupOptions) -> object:
        """Something that differs once resolv.conf has changed."""
        try:
            return _signature(options.resolv_conf)
        except (OSError, ValueError):
            return None

    def nameservers(self, options: LookupOptions) -> tuple[Server, ...]:
        """The servers to ask: argument, environment, resolv.conf.

        Raises:
            ConfigError: The file is missing or names no server, or a text is no server.
        """
        if options.nameservers:
            return tuple(parse_nameserver(text) for text in options.nameservers)
        given = _texts(self._environ["NAMESERVERS"])
        if not given and self._environ["NAMESERVERS"].strip():
            raise ConfigError(PREFIX + "NAMESERVERS", "it holds commas and no server")
        if given:
            return tuple(parse_nameserver(text, PREFIX + "NAMESERVERS") for text in given)
        found = self._resolv_conf(options.resolv_conf).nameservers
        if not found:
            raise ConfigError(options.resolv_conf, "it holds no usable 'nameserver' line")
        return found

    def allow_networks(self, options: LookupOptions) -> tuple[tuple[str, ...], str]:
        """The networks whose addresses are always accepted, and who said so."""
        if options.allow_networks:
            return options.allow_networks, "allow_networks"
        return _texts(self._environ["ALLOW_NETWORKS"]), PREFIX + "ALLOW_NETWORKS"

    def interval(self) -> float | None:
        """Seconds between the looks of a followed Service, None where nobody said.

        Raises:
            ConfigError: The variable holds no such duration.
        """
        given = self._environ["INTERVAL"].strip()
        if not given:
            return None
        seconds = parse_duration(given)
        if seconds is None or seconds < 1:
            raise ConfigError(
                PREFIX + "INTERVAL", f"{given[:40]!a} is not usable, write 5s: from 1s to 24h"
            )
        return seconds

    def service(self, parts: ServiceParts, options: LookupOptions) -> ServiceName:
        """The Service's full name.

        Raises:
            ConfigError: No namespace is known, or a variable or file holds no usable one.
            InvalidName: The full name is too long.
        """
        domain = parts.cluster_domain or options.cluster_domain or self._cluster_domain(options)
        namespace = parts.namespace or self._namespace(options, domain)
        if namespace is None:
            raise ConfigError(
                "namespace",
                f"it is not known: write '{parts.service}.<namespace>', pass the namespace, or "
                f"set {PREFIX}NAMESPACE (inside a pod, {self._namespace_file} and "
                f"{options.resolv_conf} say it{self._trouble(options)})",
            )
        return ServiceName(parts.service, namespace=namespace, cluster_domain=domain)

    def _cluster_domain(self, options: LookupOptions) -> str:
        given = self._environ["CLUSTER_DOMAIN"]
        if given:
            return _valid(PREFIX + "CLUSTER_DOMAIN", given, domain=True)
        for entry in self._search(options):
            if entry.startswith("svc."):
                return _valid(options.resolv_conf, entry[4:], domain=True)
        return DEFAULT_CLUSTER_DOMAIN

    def _namespace(self, options: LookupOptions, domain: str) -> str | None:
        given = self._environ["NAMESPACE"]
        if given:
            return _valid(PREFIX + "NAMESPACE", given)
        try:
            with open(self._namespace_file, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - pathlib costs start-up
                text = file.read(_READ_AT_MOST).strip()
        except OSError:
            text = ""
        if text:
            return _valid(self._namespace_file, text)
        suffix = f".svc.{domain}"
        for entry in self._search(options):
            if entry.endswith(suffix):
                return _valid(options.resolv_conf, entry.removesuffix(suffix))
        return None

    def _search(self, options: LookupOptions) -> tuple[str, ...]:
        """The search list; a missing file only matters where it is needed for servers."""
        try:
            return self._resolv_conf(options.resolv_conf).search
        except ConfigError:
            return ()

    def _trouble(self, options: LookupOptions) -> str:
        """What is wrong with resolv.conf, in words, where anything is."""
        try:
            self._resolv_conf(options.resolv_conf)
        except ConfigError as error:
            return f"; {error}"
        return ""

    def _resolv_conf(self, path: str) -> ResolvConf:
        """The file's content; what it last said while it names no server."""
        known = self._read
        try:
            seen = _signature(path)
            if known is not None and known[:2] == (path, seen):
                return known[2]
            with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
                content = parse_resolv_conf(file.read(_READ_AT_MOST))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ConfigError(
                path, f"it cannot be read ({reason}); pass nameservers= (--nameserver) instead"
            ) from None
        if known is not None and known[0] == path and not content.nameservers:
            return known[2]  # caught while being written: an empty file is nobody's wish
        self._read = (path, seen, content)
        return content


def own_pod(server: Server, environ: Mapping[str, str] | None = None) -> OwnPod:
    """Who this pod is: ``POD_NAME``, else the host name; ``POD_IP``, else a local address.

    Args:
        server: A name server: the address this machine would ask it from is taken as the
            pod's. Nothing is sent.
        environ: The environment, default the process's own.
    """
    environ = os.environ if environ is None else environ
    name = environ.get("POD_NAME") or socket.gethostname().split(".")[0]
    address = environ.get("POD_IP")
    if not address:
        family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect(tuple(server))
                address = probe.getsockname()[0]
        except OSError:
            address = None
    return OwnPod(name.lower(), address)


def _signature(path: str) -> tuple[int, ...]:
    """What changes when the file does, also when another one is put in its place."""
    status = os.stat(path)  # noqa: PTH116 - pathlib costs start-up
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev


def _texts(value: str) -> tuple[str, ...]:
    """The parts of a comma-separated variable, without blanks."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _valid(setting: str, text: str, *, domain: bool = False) -> str:
    try:
        return check_domain(text) if domain else check_label(text, "namespace")
    except InvalidName as error:
        raise ConfigError(setting, str(error)) from None


def _is_address(text: str) -> bool:
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    address, percent, scope = text.partition("%")
    if percent and not (family == socket.AF_INET6 and _SCOPE.fullmatch(scope)):
        return False
    try:
        socket.inet_pton(family, address)
    except (OSError, ValueError):
        return False
    return True
