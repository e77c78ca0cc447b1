"""Whether a request came over TLS, also behind a proxy on this computer."""

from __future__ import annotations

import pytest

from machinami.entrypoints.http.asgi import scheme_of


@pytest.mark.parametrize(
    ("scope", "headers", "scheme"),
    [
        ({"scheme": "http", "client": ("127.0.0.1", 5)}, {}, "http"),
        ({"scheme": "https", "client": ("192.168.1.4", 5)}, {}, "https"),
        ({"scheme": "http", "client": ("127.0.0.1", 5)}, {"x-forwarded-proto": "https"}, "https"),
        ({"scheme": "http", "client": ("::1", 5)}, {"x-forwarded-proto": "https"}, "https"),
        ({"scheme": "http", "client": ("192.168.1.4", 5)}, {"x-forwarded-proto": "https"}, "http"),
        ({"scheme": "https", "client": ("192.168.1.4", 5)}, {"x-forwarded-proto": "http"}, "https"),
        ({"scheme": "http", "client": ("127.0.0.1", 5)}, {"x-forwarded-proto": "javascript"}, "http"),
        ({"scheme": "http", "client": None}, {"x-forwarded-proto": "https"}, "http"),
    ],
)
def test_scheme_of_believes_a_proxy_on_this_computer_only(
    scope: dict[str, object], headers: dict[str, str], scheme: str
) -> None:
    assert scheme_of(scope, headers) == scheme
