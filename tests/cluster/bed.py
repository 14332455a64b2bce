"""The test bed: a real control plane and CoreDNS, without kubelets, in one object.

In come the built programs, out goes a `Bed` whose API server and DNS servers answer. What
runs: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kwok (which plays the
kubelets of two nodes) and CoreDNS with its kubernetes plugin, several variants of it.

The kube-apiserver makes its own TLS certificate and the same key signs service account
tokens, so no tool is needed for that; everybody uses one token and may do everything.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.cluster.api import ApiError, ApiServer
from tests.cluster.lookups import Variant
from tests.cluster.network import SERVICE_DNS, BedError, free_ports, network, tool
from tests.cluster.processes import Program, stop_all, wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from tests.cluster.network import Network

PROGRAMS = "HEADLESS_DISCOVERY_TESTBED_BIN"
"""Environment variable: the folder of the built programs."""

VARIANTS = ("bare", "kubeadm", "cached", "podnames")
"""The ways CoreDNS runs, see `testbed/Corefile`."""

ZONE = "cluster.local"
NODES = ("node-a", "node-b")

_HERE = Path(__file__).parent / "testbed"
_NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "coredns")
# What makes and unmakes pods and their endpoints, and nothing that is idle here.
_CONTROLLERS = ",".join(
    f"{name}-controller"
    for name in (
        "deployment",
        "endpointslice",
        "garbage-collector",
        "namespace",
        "node-lifecycle",
        "pod-garbage-collector",
        "replicaset",
        "statefulset",
    )
)


class Bed:
    """Everything up for the length of a `with` block.

    Inside the block the calling thread is in the bed's network (`network.py`), so sockets
    and programs reach API server, DNS and pods' addresses without further ado.

    Args:
        folder: An empty folder for state and logs; the logs stay there.
        programs: Folder of the built programs; the variable `PROGRAMS` says it when None.
        choice: `namespace`, `loopback` or `auto`, see `network.py`.

    Attributes:
        network: Where it runs; `network.private` where pods' addresses are local.
        api: The API server.
        programs: The six programs by name, to be paused, killed and started by tests.
        dns: The DNS servers by variant, `service` (10.96.0.10:53) among them if private.
    """

    network: Network
    api: ApiServer

    def __init__(
        self, folder: Path, programs: Path | None = None, choice: str | None = None
    ) -> None:
        self.folder = folder
        self.programs: dict[str, Program] = {}
        self.dns: dict[str, Variant] = {}
        self._built = programs
        self._choice = choice
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Start everything; on failure everything is stopped again and logs are shown."""
        built = self._built or programs_folder()
        with contextlib.ExitStack() as undo:
            self.network = undo.enter_context(network(self._choice))
            self.folder.mkdir(parents=True, exist_ok=True)
            undo.callback(self._stop)
            self._describe(built)
            self._start()
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything and leave the bed's network."""
        self._undo.close()

    def run(
        self, command: Sequence[str], *, timeout: float = 30.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside the bed's network to its end and return what it printed.

        Raises:
            subprocess.CalledProcessError: It failed.
        """
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=timeout)

    def program(self, name: str, command: Sequence[str]) -> Program:
        """Return a further program (a database, a second CoreDNS), stopped with the bed."""
        if name in self.programs:
            raise BedError(f"there is a program {name!r} already")
        self.programs[name] = Program(name, command, self.folder)
        return self.programs[name]

    def as_pod(self, command: Sequence[str], namespace: str) -> list[str]:
        """Return the command that runs `command` with a pod's `/etc/resolv.conf`.

        The file is mounted over the real one in a mount namespace of that process alone.

        Args:
            command: A program and its arguments.
            namespace: The Kubernetes namespace whose search list the pod has.
        """
        self.network.require_private()
        file = self.folder / f"resolv.conf.{namespace}"
        file.write_text(self.resolv_conf(namespace))
        script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
        return [tool("unshare"), "--mount", "sh", "-c", script, str(file), *command]

    def resolv_conf(self, namespace: str) -> str:
        """Return the `resolv.conf` a kubelet gives a pod with dnsPolicy ClusterFirst."""
        search = f"{namespace}.svc.{ZONE} svc.{ZONE} {ZONE}"
        return f"nameserver {SERVICE_DNS}\nsearch {search}\noptions ndots:5\n"

    def wait_for_api(self, timeout: float = 60.0) -> None:
        """Wait until the API server answers; its clients may take longer to find it again."""
        first = [self.programs["etcd"], self.programs["kube-apiserver"]]
        wait_until(self._api_ready, "kube-apiserver to be ready", timeout, first)

    def wait_for_dns(self, names: Sequence[str] | None = None, timeout: float = 20.0) -> None:
        """Wait until the DNS servers (all of them, or some) are in step with the API server."""
        for name in names or self.dns:
            wait_until(
                self.dns[name].in_step,
                f"CoreDNS ({name}) to answer",
                timeout,
                [self.programs["coredns"]],
            )

    def _describe(self, built: Path) -> None:
        """Choose ports, write the files the programs read, and their command lines."""
        etcd, peer, secure, *dns = free_ports(3 + len(VARIANTS))
        token = secrets.token_hex(16)
        certificate = self.folder / "pki" / "apiserver.crt"
        key = certificate.with_suffix(".key")
        (self.folder / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
        self.api = ApiServer("127.0.0.1", secure, certificate, token)
        kubeconfig = self.folder / "kubeconfig"
        kubeconfig.write_text(_kubeconfig(self.api.url, certificate, token))
        corefile = (_HERE / "Corefile").read_text()
        self.dns = {
            name: Variant("127.0.0.1", port, ZONE) for name, port in zip(VARIANTS, dns, strict=True)
        }
        ports = {f"BED_PORT_{name.upper()}": str(at.port) for name, at in self.dns.items()}
        if self.network.private:
            corefile += (_HERE / "Corefile.service").read_text()
            self.dns["service"] = Variant(SERVICE_DNS, 53, ZONE)
        (self.folder / "Corefile").write_text(corefile)
        client = [f"--kubeconfig={kubeconfig}"]
        controller = [
            *client,
            "--leader-elect=false",
            "--secure-port=0",
            "--authentication-skip-lookup=true",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        ]
        commands = {
            "etcd": [
                "--name=bed",
                f"--data-dir={self.folder / 'etcd'}",
                f"--listen-client-urls=http://127.0.0.1:{etcd}",
                f"--advertise-client-urls=http://127.0.0.1:{etcd}",
                f"--listen-peer-urls=http://127.0.0.1:{peer}",
                f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
                f"--initial-cluster=bed=http://127.0.0.1:{peer}",
                "--unsafe-no-fsync",
            ],
            "kube-apiserver": [
                f"--etcd-servers=http://127.0.0.1:{etcd}",
                "--bind-address=127.0.0.1",
                f"--secure-port={secure}",
                "--advertise-address=10.96.255.254",  # loopback is refused; nobody connects to it
                "--endpoint-reconciler-type=none",
                f"--cert-dir={certificate.parent}",
                "--service-cluster-ip-range=10.96.0.0/16,fd00:96::/112",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={key}",
                f"--service-account-signing-key-file={key}",
                f"--token-auth-file={self.folder / 'tokens.csv'}",
                "--authorization-mode=AlwaysAllow",
                "--disable-admission-plugins=ServiceAccount",
            ],
            "kube-controller-manager": [*controller, f"--controllers={_CONTROLLERS}"],
            "kube-scheduler": controller,
            "kwok": [
                *client,
                f"--config={_HERE / 'stages.yaml'}",
                "--manage-all-nodes=true",
                "--node-ip=10.244.0.1",
                "--node-lease-duration-seconds=40",
            ],
            "coredns": [f"-conf={self.folder / 'Corefile'}"],
        }
        environment = {"BED_KUBECONFIG": str(kubeconfig), **ports}
        self.programs = {
            name: Program(name, [str(built / name), *commands[name]], self.folder, environment)
            for name in _NAMES
        }

    def _start(self) -> None:
        programs = self.programs
        programs["etcd"].start()
        programs["kube-apiserver"].start()
        self.wait_for_api()
        for name in ("kwok", "kube-controller-manager", "kube-scheduler", "coredns"):
            programs[name].start()
        for number, node in enumerate(NODES, 1):
            self.api.apply(_node(node, number))
        everything = list(programs.values())
        wait_until(self._nodes_ready, "the nodes to be ready", 30, everything)
        self.wait_for_dns()

    def _api_ready(self) -> bool:
        try:
            return bool(self.api.request("GET", "/readyz") == "ok") and bool(
                self.api.get("Namespace", "default")
            )
        except ApiError:  # not all of it is there yet
            return False

    def _nodes_ready(self) -> bool:
        ready = [
            node["metadata"]["name"]
            for node in self.api.list("Node")
            if not node["spec"].get("taints")
            and any(
                condition["type"] == "Ready" and condition["status"] == "True"
                for condition in node["status"].get("conditions", ())
            )
        ]
        return sorted(ready) == sorted(NODES)

    def _stop(self) -> None:
        stop_all(reversed(self.programs.values()))
        if hasattr(self, "api"):
            self.api.close()
        shutil.rmtree(self.folder / "etcd", ignore_errors=True)  # some hundred megabytes


def programs_folder() -> Path:
    """Return the folder the environment variable `PROGRAMS` names.

    Raises:
        BedError: It is not set, or a program is not in it.
    """
    told = os.environ.get(PROGRAMS)
    if not told:
        raise BedError(
            f"the programs of the test bed are missing ({PROGRAMS} is not set): "
            "'make test-cluster' builds them and runs these tests"
        )
    missing = [name for name in _NAMES if not os.access(Path(told) / name, os.X_OK)]
    if missing:
        raise BedError(
            f"{', '.join(missing)} not found in {told} ({PROGRAMS}): 'make test-cluster' "
            "builds the programs of the test bed and runs these tests"
        )
    return Path(told)


def _kubeconfig(url: str, certificate: Path, token: str) -> str:
    """Return a kubeconfig; JSON is YAML too."""
    cluster = {"server": url, "certificate-authority": str(certificate)}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "bed",
            "clusters": [{"name": "bed", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": "bed", "context": {"cluster": "bed", "user": "admin"}}],
        }
    )


def _node(name: str, number: int) -> dict[str, object]:
    """Return the manifest of a node whose pods have addresses of both families."""
    ranges = [f"10.244.{number}.0/24", f"fd00:244:{number}::/112"]
    return {
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "topology.kubernetes.io/zone": f"zone-{name[-1]}",
            },
        },
        "spec": {"podCIDR": ranges[0], "podCIDRs": ranges},
    }
