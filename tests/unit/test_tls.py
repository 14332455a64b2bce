"""TLS: contexts that are refused, and the name that is verified."""

from __future__ import annotations

import ssl
import warnings
from typing import Any

import pytest

from headless_discovery.core.snapshot import Endpoint
from headless_discovery.errors import ConfigError
from headless_discovery.tls import check_context, server_name

NAMED = Endpoint(
    addresses=("10.0.0.1",),
    name="db-0",
    hostname="db-0.db.shop.svc.cluster.local",
    ordinal=0,
    ports=(3306,),
)
NAMELESS = Endpoint(addresses=("10.0.0.1",), ports=(3306,))


def refusal(context: object) -> str:
    """Why it is refused."""
    with pytest.raises(ConfigError) as caught:
        check_context(context)
    assert caught.value.setting == "tls"
    return caught.value.reason


class TestContext:
    """It has to verify, and to verify names."""

    @pytest.mark.parametrize(
        "make",
        [
            ssl.create_default_context,
            lambda: ssl.create_default_context(ssl.Purpose.SERVER_AUTH),
            lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        ],
    )
    def test_what_verifies(self, make: Any) -> None:
        """The usual ones."""
        check_context(make())

    @pytest.mark.parametrize("context", [True, None, ssl, "x" * 5000, ssl.SSLContext])
    def test_none_at_all(self, context: object) -> None:
        """The reason tells what it is, shortly."""
        reason = refusal(context)
        assert "no ssl.SSLContext" in reason
        assert len(reason) < 200

    def test_a_servers(self) -> None:
        """It is told apart: with names checked it cannot even be made."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.verify_mode = ssl.CERT_REQUIRED
        assert "SERVER_AUTH" in refusal(context)

    @pytest.mark.parametrize("mode", [ssl.CERT_NONE, ssl.CERT_OPTIONAL])
    def test_one_that_does_not_verify(self, mode: ssl.VerifyMode) -> None:
        """Anybody could answer."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = mode
        assert "CERT_REQUIRED" in refusal(context)

    def test_an_optional_certificate_with_names_checked(self) -> None:
        """A certificate that is not demanded is none."""
        context = ssl.create_default_context()
        context.verify_mode = ssl.CERT_OPTIONAL
        assert "CERT_REQUIRED" in refusal(context)

    def test_one_that_does_not_check_names(self) -> None:
        """Any pod could answer for any other."""
        context = ssl.create_default_context()
        context.check_hostname = False
        assert "check_hostname = True" in refusal(context)

    def test_the_old_protocol(self) -> None:
        """``PROTOCOL_TLS`` neither verifies nor checks names unless it is told to."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS)
        assert "CERT_REQUIRED" in refusal(context)
        context.verify_mode = ssl.CERT_REQUIRED
        assert "check_hostname" in refusal(context)


class TestName:
    """What the other side has to prove."""

    def test_the_pods(self) -> None:
        """Its FQDN as certificates hold it."""
        assert server_name(NAMED, None) == "db-0.db.shop.svc.cluster.local"

    @pytest.mark.parametrize("endpoint", [NAMED, NAMELESS])
    def test_the_services(self, endpoint: Endpoint) -> None:
        """Where it was chosen: also of an endpoint without a name."""
        assert server_name(endpoint, "db.shop.svc.cluster.local") == "db.shop.svc.cluster.local"

    def test_none(self) -> None:
        """Nothing could be verified; the reason tells what can be done."""
        with pytest.raises(ConfigError) as caught:
            server_name(NAMELESS, None)
        assert caught.value.setting == "tls"
        assert "10.0.0.1" in caught.value.reason
        assert "tls_name='service'" in caught.value.reason
