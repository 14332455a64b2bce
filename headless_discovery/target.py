"""Target: whom a service object is about, from the arguments of its constructor.

In: what the caller wrote. Out: for each look a `Request` and the servers to ask. It
holds what one service object remembers between looks, and is the same for threads and
for asyncio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from . import forking
from .core.addresses import AddressPolicy
from .core.exchange import exchange
from .core.memory import ServerMemory
from .core.names import ServiceName, ServiceParts, check_label, split_service, srv_labels
from .core.options import LookupOptions
from .core.plans import PlanMemory, Request
from .core.policy import DEFAULT_INTERVAL, PollPolicy
from .errors import ConfigError, InvalidName
from .resolvconf import Surroundings, own_pod, parse_nameserver

if TYPE_CHECKING:
    from collections.abc import Callable

    from .core.conditions import OwnPod
    from .core.questions import Exchange, Question, Server

__all__ = ["Prepared", "Target"]


class Prepared(NamedTuple):
    """What a look needs to begin."""

    request: Request
    servers: tuple[Server, ...]


class Target:
    """Validated arguments of a service object.

    Args: as those of `HeadlessService`.

    Raises:
        InvalidName: The Service's name, the namespace, port or StatefulSet is unusable.
        ConfigError: Arguments that contradict each other.
    """

    def __init__(
        self,
        service: str | ServiceName,
        *,
        namespace: str | None,
        port: str | int | None,
        protocol: str | None,
        statefulset: str | None,
        options: LookupOptions | None,
    ) -> None:
        if not isinstance(service, str | ServiceName):
            # str(None) would be the name of a Service, and the answer "nobody is there".
            raise InvalidName(repr(service), "a Service is given by its name, as text")
        if options is not None and not isinstance(options, LookupOptions):
            raise ConfigError("options", f"{ascii(options)[:100]} is no LookupOptions")
        self.options = LookupOptions() if options is None else options
        for server in self.options.nameservers:
            parse_nameserver(server)
        AddressPolicy(self.options.allow_networks)
        self.parts: ServiceParts = split_service(
            str(service), namespace=namespace, cluster_domain=self.options.cluster_domain
        )
        self.port, self.port_name = _port(port)
        if self.port_name is None and protocol is not None:
            raise ConfigError("protocol", "it belongs to a port's name: give that too")
        self.protocol = "tcp" if protocol is None else protocol
        if self.port_name is not None:
            srv_labels(self.port_name, self.protocol)  # checks both
        self.statefulset = (
            None if statefulset is None else check_label(statefulset, "StatefulSet name")
        )
        self.servers_memory = ServerMemory()
        self.hints_memory = ServerMemory()
        self.plans_memory = PlanMemory()
        self._surroundings = Surroundings()
        self._needs_resolv_conf = self._surroundings.needs_resolv_conf(self.parts, self.options)
        self._prepared: tuple[object, Prepared] | None = None
        self._own_pod: OwnPod | None = None

    def service(self) -> ServiceName:
        """The Service's full name, completed from the environment.

        Raises:
            ConfigError: The namespace is not known.
        """
        return self._surroundings.service(self.parts, self.options)

    def last_service(self) -> ServiceName:
        """The full name as the last look had it.

        Raises:
            ConfigError: There was none, and the namespace is not known.
        """
        known = self._prepared
        return self.service() if known is None else known[1].request.service

    @property
    def title(self) -> str:
        """The Service's name for messages, as complete as it is known."""
        known = self._prepared
        if known is not None:
            return known[1].request.service.fqdn
        service, namespace, domain = self.parts
        if namespace is None:
            return service
        return f"{service}.{namespace}" + ("" if domain is None else f".svc.{domain}")

    def prepare(self) -> Prepared:
        """What one look asks and whom; made again when resolv.conf has changed.

        Raises:
            ConfigError: Something in the environment is missing or unusable.
        """
        seen = self._surroundings.seen(self.options) if self._needs_resolv_conf else None
        known = self._prepared
        if known is None or known[0] != seen:
            known = self._prepared = (seen, self._prepare())
        return known[1]

    def _prepare(self) -> Prepared:
        options, surroundings = self.options, self._surroundings
        networks, setting = surroundings.allow_networks(options)
        request = Request(
            self.service(),
            AddressPolicy(networks, setting),
            self.port_name,
            self.port,
            self.protocol,
            self.statefulset,
            options.family,
            options.plan,
            options.max_members,
        )
        return Prepared(request, surroundings.nameservers(options))

    def policy(self, poll: PollPolicy | None) -> PollPolicy:
        """How to follow: as the caller said, else the environment, else the defaults.

        Raises:
            ConfigError: The environment's interval is not usable.
        """
        policy = PollPolicy() if poll is None else poll
        if policy.interval is not None:
            return policy
        return policy.replace(interval=self._surroundings.interval() or DEFAULT_INTERVAL)

    def own_pod(self) -> OwnPod:
        """Who this pod is.

        Raises:
            ConfigError: No name server is known.
        """
        if self._own_pod is None:
            # The servers of the last look: resolv.conf may have vanished since.
            known = self._prepared
            servers = self.prepare().servers if known is None else known[1].servers
            with forking.lock:  # it opens a socket for a moment, which no child shall inherit
                self._own_pod = own_pod(servers[0])
        return self._own_pod

    def exchange(
        self,
        question: Question,
        servers: tuple[Server, ...],
        *,
        start: float,
        deadline: float,
        zone: str,
        random_id: Callable[[], bytes],
        is_hint: bool = False,
    ) -> Exchange:
        """An exchange for one question under this object's options.

        A hint's has a memory of its own: a server that tells no serial may well tell pods.
        """
        options = self.options
        return exchange(
            question,
            servers,
            self.hints_memory if is_hint else self.servers_memory,
            start=start,
            deadline=deadline,
            random_id=random_id,
            attempt_timeout=options.attempt_timeout,
            max_sends=options.max_sends,
            edns=options.edns,
            tcp=options.tcp,
            zone=zone,
        )


def _port(port: str | int | None) -> tuple[int | None, str | None]:
    """A number, or a name; text that is all digits is a number, as in a command line."""
    if port is None:
        return None, None
    if isinstance(port, str):
        begin = port[:64]  # a name has 63 octets: any text may be given
        if not (begin.isascii() and begin.isdigit()):
            return None, check_label(port.removeprefix("_"), "port name")
        port = int(begin) if len(port) < 6 else 0
    number: object = port  # whatever the caller did give
    if type(number) is not int or not 0 < number <= 65535:
        raise ConfigError("port", f"{_brief(port)} is no port: 1 to 65535, or the port's name")
    return number, None


def _brief(value: object) -> str:
    """A value for a message; a number of thousands of digits has no text to show."""
    try:
        return ascii(value)[:100]
    except ValueError:
        return "a number that long"
