"""A small Kubernetes API client: JSON over TLS with a bearer token, nothing more.

In come manifests as dicts, out come objects as dicts. Knows paths and verbs of the API,
not what the tests do with them. May be used from several threads: every request borrows
a connection for itself.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from tests.cluster.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Manifest = dict[str, Any]
"""A Kubernetes object as the API reads and writes it."""


_MERGE = "application/merge-patch+json"
_APPLY = "application/apply-patch+yaml"


class Kind(NamedTuple):
    """Where the API keeps objects of one kind."""

    api_version: str
    plural: str
    namespaced: bool = True


KINDS = {
    "Namespace": Kind("v1", "namespaces", namespaced=False),
    "Node": Kind("v1", "nodes", namespaced=False),
    "ConfigMap": Kind("v1", "configmaps"),
    "Secret": Kind("v1", "secrets"),
    "Pod": Kind("v1", "pods"),
    "Service": Kind("v1", "services"),
    "EndpointSlice": Kind("discovery.k8s.io/v1", "endpointslices"),
    "StatefulSet": Kind("apps/v1", "statefulsets"),
    "Deployment": Kind("apps/v1", "deployments"),
}


class ApiError(Exception):
    """The API server refused a request.

    Args:
        status: HTTP status, such as 404 (no such object) or 409 (exists already).
        message: What the API server said.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class ApiServer:
    """Requests to one API server.

    Args:
        host: Address of the API server.
        port: Its port.
        authority: File with the certificate authority, PEM.
        token: Bearer token.
    """

    def __init__(self, host: str, port: int, authority: Path, token: str) -> None:
        self.url = f"https://{host}:{port}"
        self._host = host
        self._port = port
        self._authority = authority
        self._context: ssl.SSLContext | None = None
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._idle: list[http.client.HTTPSConnection] = []
        self._made: list[http.client.HTTPSConnection] = []  # also those in use
        self._lock = threading.Lock()

    def request(
        self,
        verb: str,
        path: str,
        body: Manifest | None = None,
        content_type: str = "application/json",
    ) -> Any:
        """Send one request and return the decoded answer (text where it is no JSON).

        Raises:
            ApiError: The answer is an error.
            OSError: There is no answer (10 s).
        """
        headers = {**self._headers, "Content-Type": content_type} if body else self._headers
        payload = json.dumps(body) if body else None
        connection, fresh = self._borrow()
        try:
            try:
                connection.request(verb, path, payload, headers)
                response = connection.getresponse()
            except (ConnectionError, ssl.SSLEOFError):
                if fresh:
                    raise
                connection.close()  # the server had closed this idle connection: once more
                connection.request(verb, path, payload, headers)
                response = connection.getresponse()
            text = response.read().decode()
        except http.client.HTTPException as error:
            connection.close()
            raise ConnectionError(f"{verb} {path}: {error!r}") from error
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._idle.append(connection)
        is_json = "json" in (response.getheader("Content-Type") or "")
        answer = json.loads(text) if is_json else text
        if response.status >= http.client.BAD_REQUEST:
            said = answer.get("message", text) if isinstance(answer, dict) else text
            raise ApiError(response.status, f"{verb} {path}: {said}")
        return answer

    def path(self, kind: str, namespace: str | None = None, name: str | None = None) -> str:
        """Return the URL path of one object, or of all of a kind.

        Without a namespace, the path of a namespaced kind means every namespace.
        """
        where = KINDS[kind]
        parts = ["api" if where.api_version == "v1" else "apis", where.api_version]
        if where.namespaced and namespace is not None:
            parts += ["namespaces", quote(namespace)]
        parts.append(where.plural)
        if name is not None:
            parts.append(quote(name))
        return "/" + "/".join(parts)

    def create(self, manifest: Manifest) -> Manifest:
        """Create an object; one that exists already is an `ApiError` 409."""
        manifest = _complete(manifest)
        metadata = manifest["metadata"]
        created: Manifest = self.request(
            "POST", self.path(manifest["kind"], metadata.get("namespace")), manifest
        )
        return created

    def apply(self, manifest: Manifest) -> Manifest:
        """Create an object or bring it to the state the manifest says (server-side apply)."""
        manifest = _complete(manifest)
        metadata = manifest["metadata"]
        path = self.path(manifest["kind"], metadata.get("namespace"), metadata["name"])
        query = urlencode({"fieldManager": "tests", "force": "true"})
        applied: Manifest = self.request("PATCH", f"{path}?{query}", manifest, _APPLY)
        return applied

    def patch(
        self, kind: str, name: str, changes: Manifest, namespace: str | None = None
    ) -> Manifest:
        """Merge changes into an object; None deletes a field (RFC 7386)."""
        path = self.path(kind, namespace, name)
        patched: Manifest = self.request("PATCH", path, changes, _MERGE)
        return patched

    def get(self, kind: str, name: str, namespace: str | None = None) -> Manifest:
        """Return one object."""
        found: Manifest = self.request("GET", self.path(kind, namespace, name))
        return found

    def list(
        self, kind: str, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> list[Manifest]:
        """Return the objects of a kind that carry all of `labels`."""
        path = self.path(kind, namespace)
        if labels:
            selector = ",".join(f"{key}={value}" for key, value in labels.items())
            path += "?" + urlencode({"labelSelector": selector})
        items: list[Manifest] = self.request("GET", path)["items"]
        return items

    def delete(self, kind: str, name: str, namespace: str | None = None) -> None:
        """Ask for the end of an object; that it is gone already is fine."""
        try:
            self.request("DELETE", self.path(kind, namespace, name))
        except ApiError as error:
            if error.status != http.client.NOT_FOUND:
                raise

    def wait_until(self, condition: Callable[[], object], what: str, timeout: float = 20.0) -> None:
        """Wait until `condition`, which asks this server, holds; at most `timeout` seconds."""
        wait_until(condition, what, timeout)

    def close(self) -> None:
        """Close every connection; further requests open new ones."""
        with self._lock:
            made, self._made, self._idle = self._made, [], []
        for connection in made:
            connection.close()

    def _borrow(self) -> tuple[http.client.HTTPSConnection, bool]:
        """Return a connection nobody else uses, and whether it is a new one."""
        with self._lock:
            if self._idle:
                return self._idle.pop(), False
            if self._context is None:  # the API server makes its certificate as it starts
                self._context = ssl.create_default_context(cafile=str(self._authority))
            connection = http.client.HTTPSConnection(
                self._host, self._port, timeout=10, context=self._context
            )
            self._made.append(connection)
            return connection, True


def _complete(manifest: Manifest) -> Manifest:
    """Return the manifest with the version its kind is kept under."""
    return {"apiVersion": KINDS[manifest["kind"]].api_version, **manifest}
