"""Who is let in: the secret, the cookie, the header; where a request may come from."""

from __future__ import annotations

import base64

import pytest

from dashboard.access import Access
from dashboard.gate import COOKIE, Judge, cookie_of, is_own_name
from dashboard.settings import PageSettings
from playhead.errors import InvalidInput

TOKEN = "0123456789abcdef"
PASSWORD = "open sesame"


def basic(user: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


def test_the_token_lets_in_and_nothing_else_does() -> None:
    access = Access(TOKEN)
    assert access.admits("", TOKEN)
    assert access.admits_header(f"Bearer {TOKEN}")
    assert access.admits_header(basic("anybody", TOKEN))
    for wrong in ("", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\N{LATIN SMALL LETTER E WITH ACUTE}"):
        assert not access.admits("", wrong)
        assert not access.admits_header(f"Bearer {wrong}")
    for garbled in ("", "Bearer", "Basic", "Basic %%%", "Basic " + base64.b64encode(b"\xff\xfe").decode(), "Digest x"):
        assert not access.admits_header(garbled)


def test_a_user_needs_his_own_name_and_the_password() -> None:
    access = Access(PASSWORD, "ann")
    assert access.admits_header(basic("ann", PASSWORD))
    assert not access.admits_header(basic("bob", PASSWORD))
    assert not access.admits_header(basic("", PASSWORD))
    assert not access.admits_header(f"Bearer {PASSWORD}")


def test_the_cookie_is_the_same_after_a_restart_and_another_for_another_secret() -> None:
    assert Access(TOKEN).cookie == Access(TOKEN).cookie
    assert len({Access(TOKEN).cookie, Access(TOKEN + "x").cookie, Access(TOKEN, "ann").cookie}) == 3
    assert TOKEN not in Access(TOKEN).cookie
    assert Access(TOKEN).admits_cookie(Access(TOKEN).cookie)
    assert not Access(TOKEN).admits_cookie("")


@pytest.mark.parametrize(
    ("header", "value"),
    [(f"{COOKIE}=abc", "abc"), (f"other=1; {COOKIE}=abc; more=2", "abc"), ("other=1", ""), ("", ""), ("=;;\x00", "")],
)
def test_the_cookie_is_found_in_the_header(header: str, value: str) -> None:
    assert cookie_of(header) == value


@pytest.mark.parametrize("host", ["localhost", "localhost:8765", "127.0.0.1", "127.9.9.9:1", "[::1]:8765", "LocalHost"])
def test_a_name_of_this_machine_is_one(host: str) -> None:
    assert is_own_name(host)


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example", "10.0.0.1", "0.0.0.0", "x@localhost", "[::2]", "[", "[x]"]
)
def test_another_name_is_none(host: str) -> None:
    assert not is_own_name(host)


LOCAL = Judge(None, is_local=True)
OPEN = Judge(Access(TOKEN), is_local=False)


@pytest.mark.parametrize(
    ("kind", "method", "origin", "refused"),
    [
        ("http", "GET", None, False),
        ("http", "POST", None, True),
        ("websocket", "", None, True),
        ("websocket", "", "http://localhost:8765", False),
        ("http", "POST", "http://localhost:8765", False),
        ("http", "GET", "http://localhost:9999", True),
        ("websocket", "", "http://evil.example", True),
        ("websocket", "", "null", True),
        ("websocket", "", "ftp://localhost:8765", True),
        ("websocket", "", "http://[", True),
        ("websocket", "", "http://x@localhost:8765", True),
        ("websocket", "", "http://localhost:8765.evil.example", True),
    ],
)
def test_what_changes_something_comes_from_the_page_itself(
    kind: str, method: str, origin: str | None, refused: bool
) -> None:
    headers = {"host": "localhost:8765"} | ({} if origin is None else {"origin": origin})
    assert (LOCAL.objection(kind, method, headers) is not None) == refused
    assert (OPEN.objection(kind, method, headers) is not None) == refused


def test_a_name_that_points_to_this_machine_is_refused_where_nobody_signs_in() -> None:
    assert LOCAL.objection("http", "GET", {"host": "evil.example:8765"}) is not None
    assert OPEN.objection("http", "GET", {"host": "playhead.example:8765"}) is None


def test_everybody_is_let_in_where_there_is_no_secret_and_else_who_knows_it() -> None:
    assert LOCAL.lets_in({})
    assert not OPEN.lets_in({})
    assert OPEN.lets_in({"authorization": f"Bearer {TOKEN}"})
    assert OPEN.lets_in({"cookie": f"{COOKIE}={Access(TOKEN).cookie}"})
    assert not OPEN.lets_in({"cookie": f"{COOKIE}={TOKEN}"})


def settings(**given: str) -> PageSettings:
    return PageSettings.from_environment({f"PLAYHEAD_DASHBOARD_{name}": of for name, of in given.items()})


def test_without_a_word_it_is_served_to_this_machine_and_needs_no_secret() -> None:
    assert settings() == PageSettings("127.0.0.1")
    assert settings(HOST="localhost") == PageSettings("127.0.0.1")
    assert settings(FD="5", HOST="0.0.0.0") == PageSettings("127.0.0.1", fd=5)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3"])
def test_elsewhere_it_needs_one(host: str) -> None:
    with pytest.raises(InvalidInput, match="can be reached from other machines"):
        settings(HOST=host)
    assert settings(HOST=host, TOKEN=TOKEN).access == Access(TOKEN)
    assert settings(HOST=host, USER="ann", PASSWORD=PASSWORD).access == Access(PASSWORD, "ann")
    made = settings(HOST=host, RANDOM_TOKEN="1")
    assert made.made
    assert made.access is not None
    assert len(made.access.secret) > 32
    assert settings(HOST=host, RANDOM_TOKEN="1", TOKEN=TOKEN) == settings(HOST=host, TOKEN=TOKEN)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"TOKEN": "short"}, "the token of the page has 5 characters; give at least 16"),
        ({"USER": "ann", "PASSWORD": "short"}, "the password of the page has 5 characters; give at least 8"),
        ({"USER": "ann"}, "together"),
        ({"PASSWORD": PASSWORD}, "together"),
        ({"TOKEN": TOKEN, "USER": "ann", "PASSWORD": PASSWORD}, "not both"),
        ({"USER": "a:b", "PASSWORD": PASSWORD}, "colon"),
        ({"PORT": "0"}, "PLAYHEAD_DASHBOARD_PORT='0' is not a whole number from 1 to 65535"),
        ({"PORT": "x"}, "whole number"),
        ({"HOST": "example"}, "'example' is not an IP address"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(given: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        settings(**given)


def test_a_refused_secret_is_not_repeated() -> None:
    with pytest.raises(InvalidInput) as refused:
        settings(TOKEN="s3cr3t")
    assert "s3cr3t" not in str(refused.value)
