"""A packed answer that does not come to the end of what was packed is broken, wherever it was cut."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
from typing import Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from dlqkit.errors import SourceUnavailable
from dlqkit.sources.http import HttpClient
from dlqkit.sources.metrics_page import MetricsPage
from dlqkit.sources.packed_bodies import body_of
from tests.sources.api import api, cut, rows

TEXT = b"".join(b'worker_dlq_total{workflow_id="wf-%d"} %d\n' % (at, at * 1000 + 7) for at in range(50))
PAGE = {"Content-Type": "text/plain"}


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


PACKED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "deflate without what comes around it": ("deflate", raw_deflate),
    "twice": ("gzip, gzip", lambda body: gzip.compress(gzip.compress(body))),
    "in two ways": ("gzip, deflate", lambda body: zlib.compress(gzip.compress(body))),
    "beside what is none": ("identity, gzip", gzip.compress),
}


def unpack(encoding: str, packed: bytes, status: int = 200) -> bytes:
    raw = urllib3.HTTPResponse(
        io.BytesIO(packed), {"Content-Encoding": encoding}, status, preload_content=False, decode_content=False
    )
    return b"".join(body_of(raw))


@pytest.mark.parametrize("way", PACKED)
def test_a_packed_body_is_had_whole_or_not_at_all_wherever_it_was_cut(way: str) -> None:
    """Also within the checksum at its end, where all of the text is there and nothing shows that it is right."""
    encoding, pack = PACKED[way]
    packed = pack(TEXT)

    assert unpack(encoding, packed) == TEXT
    for length in range(len(packed)):
        with pytest.raises(urllib3.exceptions.DecodeError):
            unpack(encoding, packed[:length])


@pytest.mark.parametrize("way", ["gzip", "deflate", "twice"])
def test_a_packed_body_with_another_checksum_is_broken(way: str) -> None:
    """A checksum of zeros is that of nothing."""
    encoding, pack = PACKED[way]
    packed = pack(TEXT)

    with pytest.raises(urllib3.exceptions.DecodeError):
        unpack(encoding, packed[:-8] + bytes(8))


def test_a_body_of_several_members_is_broken_where_one_of_them_is_cut_or_damaged() -> None:
    """Cut between two of them nothing shows it but the length of the answer, which is looked at elsewhere."""
    first, second = gzip.compress(TEXT[:500]), gzip.compress(TEXT[500:])

    assert unpack("gzip", first + second) == TEXT
    for length in range(1, len(second)):
        with pytest.raises(urllib3.exceptions.DecodeError):
            unpack("gzip", first + second[:length])
    with pytest.raises(urllib3.exceptions.DecodeError):
        unpack("gzip", first + second[:-30] + b"x" * 30)


@pytest.mark.parametrize("more", [b"\0", b"\0" * 512, b"trailing garbage", b"\x1fno member", b"x" * 200_000])
@pytest.mark.parametrize("way", ["gzip", "deflate", "twice"])
def test_what_follows_a_packed_body_and_is_none_is_left_out(way: str, more: bytes) -> None:
    """Some servers pad what they send."""
    encoding, pack = PACKED[way]

    assert unpack(encoding, pack(TEXT) + more) == TEXT


@pytest.mark.parametrize("encoding", ["", "identity", "utf-8"])
def test_a_body_that_is_not_packed_is_as_it_came(encoding: str) -> None:
    """Charsets stand in this header by mistake."""
    assert unpack(encoding, TEXT) == TEXT


@pytest.mark.parametrize("encoding", ["gzip, br", ", ".join(["gzip"] * 6)])
def test_a_body_that_was_packed_in_ways_that_are_not_known_or_too_many_is_broken(encoding: str) -> None:
    """Each way more may make a thousand bytes of one."""
    with pytest.raises(urllib3.exceptions.DecodeError):
        unpack(encoding, gzip.compress(TEXT))


@pytest.mark.parametrize("status", [204, 302, 304, 503])
def test_an_answer_without_a_body_may_name_an_encoding(status: int) -> None:
    """Such as a redirect of a proxy that packs all it sends."""
    assert unpack("gzip", b"", status) == b""


def test_a_body_that_unpacks_to_very_much_comes_in_pieces() -> None:
    """Whoever reads it can stop at any of them."""
    packed = gzip.compress(gzip.compress(bytes(64 << 20), 1), 1)
    raw = urllib3.HTTPResponse(
        io.BytesIO(packed), {"Content-Encoding": "gzip, gzip"}, 200, preload_content=False, decode_content=False
    )

    assert max(map(len, body_of(raw))) <= 1 << 20


EMPTY_MEMBER = gzip.compress(b"", mtime=0)
MIB = 1 << 20


def packed_often(body: bytes, times: int) -> tuple[str, bytes]:
    """A body packed so often more, in turn in two ways, and the header that says so."""
    names = ["gzip"]
    for at in range(times):
        names.append(("deflate", "gzip")[at % 2])
        body = (zlib.compress, gzip.compress)[at % 2](body)
    return ", ".join(names), body


def pieces_of(encoding: str, packed: bytes) -> list[bytes]:
    raw = urllib3.HTTPResponse(
        io.BytesIO(packed), {"Content-Encoding": encoding}, 200, preload_content=False, decode_content=False
    )
    return list(body_of(raw))


@pytest.mark.parametrize("times", range(5))
def test_whoever_reads_a_body_of_nothing_can_look_at_the_clock_while_it_is_unpacked(times: int) -> None:
    """Members of nothing, some hundred bytes on the wire: for each 64 KiB of them there is a piece, though empty."""
    pieces = pieces_of(*packed_often(EMPTY_MEMBER * (4 * MIB // len(EMPTY_MEMBER)), times))

    assert set(pieces) == {b""}
    assert len(pieces) >= 60


@pytest.mark.parametrize("times", range(5))
def test_whoever_reads_a_body_can_look_at_the_clock_while_what_follows_it_is_left_out(times: int) -> None:
    encoding, packed = packed_often(gzip.compress(TEXT) + bytes(4 * MIB), times)

    pieces = pieces_of(encoding, packed)

    assert (b"".join(pieces), len(pieces) >= 60) == (TEXT, True)


@pytest.mark.parametrize("times", range(5))
def test_members_of_few_bytes_each_are_put_together(times: int) -> None:
    """Two bytes take forty in Python."""
    texts = [b"%d," % number for number in range(100_000)]
    encoding, packed = packed_often(b"".join(gzip.compress(text, 1, mtime=0) for text in texts), times)

    pieces = pieces_of(encoding, packed)

    assert (b"".join(pieces), len(pieces) < 200) == (b"".join(texts), True)


def test_blocks_of_nothing_are_unpacked_piece_by_piece_too() -> None:
    """A stored block without a byte in it takes five."""
    nothing = b"\x78\x9c" + b"\0\0\0\xff\xff" * (4 * MIB // 5) + b"\1\0\0\xff\xff" + b"\0\0\0\1"

    pieces = pieces_of("deflate, gzip", gzip.compress(nothing))

    assert (set(pieces), len(pieces) >= 60) == ({b""}, True)


@given(
    st.lists(st.binary(max_size=300) | st.integers(0, 200_000).map(lambda size: bytes(size)), max_size=8),
    st.sampled_from([1, 2, 7, 65_536]),
    st.sampled_from([b"", b"\0", b"\x1f", b"\x1fx", b"garbage"]),
)
def test_members_are_the_same_wherever_what_comes_was_divided(texts: list[bytes], size: int, behind: bytes) -> None:
    """Also within the two bytes by which a member is told; a first one of them alone is a member that was cut."""
    body = b"".join(map(gzip.compress, [*texts, b"end"])) + behind
    raw = Divided(body, size)
    if behind == b"\x1f":
        with pytest.raises(urllib3.exceptions.DecodeError):
            list(body_of(raw))
    else:
        assert b"".join(body_of(raw)) == b"".join([*texts, b"end"])


class Divided(urllib3.HTTPResponse):
    """An answer of which so many bytes come at once."""

    def __init__(self, body: bytes, size: int) -> None:
        super().__init__(
            io.BytesIO(body), {"Content-Encoding": "gzip"}, 200, preload_content=False, decode_content=False
        )
        self._at_once = size

    def read1(self, amt: int | None = None, decode_content: bool | None = None) -> bytes:
        return super().read1(min(amt or self._at_once, self._at_once), decode_content)


def test_an_answer_that_unpacks_to_nothing_for_minutes_ends_at_its_deadline() -> None:
    """Half a kilobyte on the wire, a gigabyte of members of nothing in it."""
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    lot = EMPTY_MEMBER * (MIB // len(EMPTY_MEMBER))
    middle = b"".join([*(packer.compress(lot) for _ in range(64)), packer.flush()])
    body = gzip.compress(middle * 16)

    with (
        api(lambda _: (200, body, {**PAGE, "Content-Encoding": "gzip, gzip, gzip"})) as (url, asked),
        pytest.raises(SourceUnavailable, match="was not done answering after 2 s"),
    ):
        HttpClient(url, name="The service", setting="its url", deadline_s=2, max_tries=1).get(url)

    assert len(asked) == 1


@pytest.mark.parametrize("way", ["gzip", "deflate", "twice"])
def test_a_metrics_page_that_was_cut_while_packed_is_asked_for_again(way: str) -> None:
    """Its length says that all came, and its last number is a wrong one."""
    encoding, pack = PACKED[way]
    packed = pack(TEXT)
    answers = [packed[:-10], packed]

    def answer(_: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        return 200, answers.pop(0), {**PAGE, "Content-Encoding": encoding}

    with api(answer) as (url, asked):
        loaded = MetricsPage(url, sleep=lambda _: None).load()

    assert (len(loaded.frame), loaded.frame["value"].iloc[-1], len(asked)) == (50, 49007.0, 2)


def test_a_metrics_page_that_stays_cut_is_told_as_broken_off() -> None:
    """It is no page of fewer metrics."""
    with (
        api(lambda _: (200, gzip.compress(TEXT)[:-10], {**PAGE, "Content-Encoding": "gzip"})) as (url, asked),
        pytest.raises(SourceUnavailable, match="broke off in the middle"),
    ):
        MetricsPage(url, sleep=lambda _: None).load()

    assert len(asked) == 5


def test_no_way_of_packing_is_asked_for_that_is_not_followed_to_its_end() -> None:
    """What else is installed does not change the question."""
    from dlqkit.sources.execution_logs import ExecutionLogs

    seen: list[Any] = []

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        return 200, cut(rows(3), query)

    with api(answer) as (url, _):
        logs = ExecutionLogs(url)
        logs._client._session.hooks["response"].append(lambda got, **_: seen.append(got.request.headers))
        logs.load()

    assert {one["Accept-Encoding"] for one in seen} == {"gzip, deflate"}
