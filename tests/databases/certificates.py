"""Certificates of the tests: one authority made for them, and what it signs.

In come names, out go files that servers read and contexts that clients use. Knows no pods.
"""

from __future__ import annotations

import ssl
import threading
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

import trustme

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


class Certificate(NamedTuple):
    """The files of one certificate, PEM: the chain, and its private key."""

    cert_file: Path
    key_file: Path


class Authority:
    """A certificate authority that only the tests trust. May be used from several threads.

    Args:
        folder: Where its files go.

    Attributes:
        ca_file: Its own certificate, PEM.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.ca_file = folder / "ca.pem"
        self._folder = folder
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(str(self.ca_file))
        self._numbers = count(1)
        self._lock = threading.Lock()

    def issue(self, *names: str, not_after: datetime | None = None) -> Certificate:
        """Return a new certificate.

        Args:
            *names: Its subject alternative names; what reads as an address is one.
            not_after: When it expires; in many years when None.
        """
        with self._lock:
            number = next(self._numbers)
            signed = self._authority.issue_cert(*names, not_after=not_after)
        made = Certificate(self._folder / f"{number}.pem", self._folder / f"{number}.key")
        # Servers that drop root read them too; they are worth nothing outside of the test.
        for data, file in (
            (b"".join(blob.bytes() for blob in signed.cert_chain_pems), made.cert_file),
            (signed.private_key_pem.bytes(), made.key_file),
        ):
            file.write_bytes(data)
        made.key_file.chmod(0o600)
        return made

    def client_context(self) -> ssl.SSLContext:
        """Return a context that trusts this authority alone and checks names."""
        return ssl.create_default_context(cafile=str(self.ca_file))
