"""URLs of a Redis behind Sentinels."""

from __future__ import annotations

import pytest

from playhead.connection import connect, shown_url
from playhead.errors import InvalidInput, RedisUnavailable
from playhead.sentinel import SentinelUrl


def test_a_url_names_the_sentinels_the_service_the_database_and_the_login_of_the_server() -> None:
    url = SentinelUrl.parse("redis+sentinel://me:s%40crt@one:26380,[::1]:26381,three/main/2?sentinel_password=p%2Fq")
    assert url.sentinels == (("one", 26380), ("::1", 26381), ("three", 26379))
    assert (url.service, url.db, url.username, url.password) == ("main", 2, "me", "s@crt")
    assert url.options == (("sentinel_password", "p/q"),)


def test_login_and_database_may_be_left_out() -> None:
    url = SentinelUrl.parse("redis+sentinel://one/main")
    assert (url.sentinels, url.service, url.db) == ((("one", 26379),), "main", 0)
    assert (url.username, url.password, url.options) == (None, None, ())


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis+sentinel://one:26379", "does not end in /<service>"),
        ("redis+sentinel://one:26379/", "does not end in /<service>"),
        ("redis+sentinel://one:26379/main/x", "does not end in /<service>"),
        ("redis+sentinel://one:26379/main/0/1", "does not end in /<service>"),
        ("redis+sentinel:///main/0", "is no host"),
        ("redis+sentinel://one,,two/main", "is no host"),
        ("redis+sentinel://one:port/main", "port"),
        ("redis+sentinel://one/main?timeout=3", "unknown option 'timeout'"),
        ("redis+sentinel://one/main?timeout", "timeout"),
    ],
)
def test_a_url_that_is_none_is_refused_and_says_why(url: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match="Redis URL") as refused:
        connect(url)
    assert reason in str(refused.value)


def test_no_password_is_printed() -> None:
    url = "redis+sentinel://me:secret@one:26379,two:26379/main/0?sentinel_password=hidden"
    assert shown_url(url) == "redis+sentinel://one:26379,two:26379/main/0"


def test_sentinels_that_are_not_there_are_named() -> None:
    with (
        connect("redis+sentinel://127.0.0.1:1,127.0.0.1:2/main") as client,
        pytest.raises(RedisUnavailable, match=r"Redis at redis\+sentinel://127.0.0.1:1,127.0.0.1:2/main"),
    ):
        client.ping()
