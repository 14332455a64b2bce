"""The programs and manifests of the pages about Redis do what these say."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.cluster.api import ApiError
from tests.cluster.processes import Program, wait_until
from tests.databases.kubelet import NOT_READY, Kubelet
from tests.databases.redis_server import TLS_PORT, RedisServer
from tests.docs.pages import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.workloads import Namespace
    from tests.databases.certificates import Authority
    from tests.databases.kubelet import Pod

EXAMPLE = REPOSITORY / "examples" / "redis_replicas"
CLIENTS = ("redis_client.py", "redis_async_client.py", "valkey_client.py")


class Started(RedisServer):
    """A server started as the manifest says, at the pod's address and in its folder.

    Args:
        pod: Whose it is.
        authority: What signs its certificate.
        manifests: Those of the example.
    """

    def __init__(self, pod: Pod, authority: Authority, manifests: list[dict[str, Any]]) -> None:
        super().__init__(pod, authority)
        _, configuration, statefulset = manifests
        certificate = authority.issue(pod.fqdn)
        settings = configuration["data"]["redis.conf"]
        for path, file in (
            ("/tls/tls.crt", certificate.cert_file),
            ("/tls/tls.key", certificate.key_file),
            ("/tls/ca.crt", authority.ca_file),
            ("dir /data", f"dir {pod.folder}"),
        ):
            assert path in settings
            settings = settings.replace(path, str(file))
        file = pod.folder / "example.conf"
        file.write_text(f"{settings}bind {pod.address}\n")
        [container] = statefulset["spec"]["template"]["spec"]["containers"]
        assert {each["name"] for each in container["env"]} == {"POD_NAME", "POD_NAMESPACE"}
        environment = [f"POD_NAME={pod.name}", f"POD_NAMESPACE={pod.fqdn.split('.')[2]}"]
        [script] = container["args"]
        assert "/etc/redis/redis.conf" in script
        script = script.replace("/etc/redis/redis.conf", str(file))
        command = ["env", *environment, *container["command"], script]
        self.program = Program(pod.name, command, pod.folder)


def run(program: Path, *arguments: str) -> list[list[str]]:
    """Run a program as a reader would; the words of the lines it printed."""
    done = subprocess.run(
        [sys.executable, str(program), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", CLIENTS)
def test_clients(name: str, namespace: Namespace, redis: Kubelet, authority: Authority) -> None:
    """Each counts on the primary, and each replica tells the count."""
    program = REPOSITORY / "examples" / "integrations" / name
    told = run(program, f"redis.{namespace.name}", str(authority.ca_file))
    places = {pod: f"{each.address}:{TLS_PORT}" for pod, each in redis.pods.items()}
    assert [count for _, _, count in told] == list("123456")
    assert {writer for writer, _, _ in told} == {places["redis-0"]}
    assert {reader for _, reader, _ in told} == {places["redis-1"], places["redis-2"]}


def test_pool(namespace: Namespace, redis: Kubelet, authority: Authority) -> None:
    """The pool of the client's own module comes to a replica."""
    program = REPOSITORY / "examples" / "integrations" / "redis_pool.py"
    [[place]] = run(program, f"redis.{namespace.name}", str(authority.ca_file))
    assert place in {f"{redis.pods[pod].address}:{TLS_PORT}" for pod in ("redis-1", "redis-2")}


def test_roles(namespace: Namespace, redis: Kubelet, authority: Authority) -> None:
    """Who is what is what the servers say."""
    program = REPOSITORY / "examples" / "integrations" / "redis_roles.py"
    assert run(program, f"redis.{namespace.name}", str(authority.ca_file)) == [
        ["primary", "redis-0"],
        ["replicas", "redis-1", "redis-2"],
        ["written", "True"],
    ]
    assert "green" in redis.servers["redis-0"].ask("GET", "colour")  # type: ignore[attr-defined]


@pytest.fixture
def manifests(namespace: Namespace) -> list[dict[str, Any]]:
    """Return the example's manifests, in the test's namespace."""
    found: list[dict[str, Any]] = list(yaml.safe_load_all((EXAMPLE / "redis.yaml").read_text()))
    for each in found:
        each["metadata"]["namespace"] = namespace.name
    return found


def test_example(
    namespace: Namespace, manifests: list[dict[str, Any]], authority: Authority, tmp_path: Path
) -> None:
    """The API server takes the manifests; visits are counted while each pod is replaced."""
    for each in manifests:
        namespace.api.apply(each)
    # Here no volumes are provisioned, and it is not kwok that says who is ready.
    namespace.api.delete("StatefulSet", "redis", namespace.name)
    wait_until(lambda: not namespace.pods("redis"), "the pods to be gone", 20)
    statefulset = manifests[-1]
    del statefulset["spec"]["volumeClaimTemplates"]
    statefulset["spec"]["minReadySeconds"] = 1  # the test deletes its pods by hand
    pods = statefulset["spec"]["template"]
    pods["metadata"]["annotations"] = NOT_READY
    pods["spec"]["volumes"].append({"name": "data", "emptyDir": {}})
    namespace.api.apply(statefulset)

    def make(pod: Pod) -> Started:
        return Started(pod, authority, manifests)

    with Kubelet(namespace, "redis", make, tmp_path) as kubelet:
        kubelet.wait_ready(3)
        program = [sys.executable, str(EXAMPLE / "visits.py")]
        visits = subprocess.Popen(
            [*program, f"redis.{namespace.name}", str(authority.ca_file), "12"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            for pod in ("redis-2", "redis-0"):
                replaced(kubelet, namespace, pod)
            output, errors = visits.communicate(timeout=60)
        finally:
            visits.kill()
            visits.wait()
        assert visits.returncode == 0, errors
        counted, _, lost, _, told, _ = output.split()
        assert int(counted) > 50
        # What was lost may have been counted: the answer did not come.
        assert int(counted) - 1 <= int(told) <= int(counted) + int(lost)
        assert int(lost) < 30


def replaced(kubelet: Kubelet, namespace: Namespace, pod: str) -> None:
    """Delete a pod, and wait until the next one is ready."""
    old = kubelet.servers[pod]
    namespace.delete_pod(pod)
    wait_until(lambda: not old.running, "the old server to end", 20)
    kubelet.wait_ready(3)


def test_a_manifest_with_a_mistake_is_refused(
    namespace: Namespace, manifests: list[dict[str, Any]]
) -> None:
    """The API server would have said so: it looks at every field."""
    manifests[-1]["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] = 0
    with pytest.raises(ApiError, match="containerPort"):
        namespace.api.apply(manifests[-1])
