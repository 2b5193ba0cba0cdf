from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from dlqkit.errors import UnexpectedAnswer
from dlqkit.frames import SAMPLES, with_labels
from dlqkit.sources.prometheus_decode import QueryRefused, QueryTooHeavy, decode_answer, frames_of


def matrix(*series: dict[str, object]) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": list(series)}}).encode()


def test_values_and_times_are_exact() -> None:
    """Milliseconds, exponents, signs, infinities; NaN is absent, not zero."""
    values = [
        [1772460005.123, "5"],
        [1772460020.1, "1e3"],
        [1772460035, "-0.5"],
        [1772460050, "+Inf"],
        [1772460065, "NaN"],
    ]
    samples, series, _ = frames_of(
        decode_answer(matrix({"metric": {"__name__": "m", "a": "b"}, "values": values})).series
    )

    assert samples["sampled_at"].tolist()[:2] == [
        pd.Timestamp("2026-03-02T14:00:05.123Z"), pd.Timestamp("2026-03-02T14:00:20.1Z"),
    ]  # fmt: skip
    assert samples["value"].tolist()[:4] == [5, 1000, -0.5, float("inf")]
    assert pd.isna(samples["value"].iloc[4])
    assert {name: str(dtype) for name, dtype in samples.dtypes.items()} == dict(SAMPLES)
    assert series.iloc[0][["metric", "a"]].tolist() == ["m", "b"]


def test_every_series_keeps_its_own_samples() -> None:
    """Random series of different lengths, one of them empty, against a reading one by one."""
    rng = np.random.default_rng(4)
    wanted = []
    for number, length in enumerate((3, 0, 17, 1)):
        values = [[1772460000 + 15 * n, repr(float(value))] for n, value in enumerate(rng.normal(size=length))]
        wanted.append({"metric": {"__name__": "m", "n": str(number)}, "values": values})
    samples, series, _ = frames_of(decode_answer(matrix(*wanted)).series)

    frame = with_labels(samples, series)
    for one in wanted:
        own = frame[frame["n"] == one["metric"]["n"]]
        assert own["value"].tolist() == [float(value) for _, value in one["values"]]


def test_indented_json_reads_the_same() -> None:
    body = matrix({"metric": {}, "values": [[1, "2"], [3, "4"]]})

    samples, _, _ = frames_of(decode_answer(json.dumps(json.loads(body), indent=2).encode()).series)

    assert samples["value"].tolist() == [2, 4]


def test_a_label_that_is_called_like_a_column_does_not_overwrite_it() -> None:
    one = {"metric": {"__name__": "m", "value": "v", "metric": "x"}, "values": [[1, "2"]]}
    samples, series, _ = frames_of(decode_answer(matrix(one)).series)

    frame = with_labels(samples, series)
    assert frame["value"].tolist() == [2]
    assert (frame["metric"].iloc[0], frame["label_value"].iloc[0], frame["label_metric"].iloc[0]) == ("m", "v", "x")


def test_native_histograms_are_kept_apart() -> None:
    histogram = {"count": "3", "sum": "1.5", "buckets": [[0, "0", "1", "3"]]}
    one = {"metric": {"__name__": "h"}, "histograms": [[1772460005, histogram]]}
    samples, _, histograms = frames_of(decode_answer(matrix(one)).series)

    assert samples.empty
    assert json.loads(histograms["buckets_json"].iloc[0]) == histogram


def test_an_empty_result_is_an_empty_frame() -> None:
    samples, series, _ = frames_of(decode_answer(matrix()).series)

    assert samples.empty
    assert series.empty


def test_warnings_are_carried() -> None:
    body = json.dumps({"status": "success", "warnings": ["partial response"], "infos": ["no counter"],
                       "data": {"resultType": "vector", "result": []}})  # fmt: skip

    assert decode_answer(body.encode()).warnings == ("partial response", "no counter")


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        ({"status": "error", "errorType": "bad_data", "error": "parse error"}, QueryRefused, "parse error"),
        ({"status": "error", "errorType": "timeout", "error": "query timed out"}, QueryTooHeavy, "gave up"),
        (
            {"status": "error", "errorType": "execution", "error": "would load too many samples"},
            QueryTooHeavy,
            "so much",
        ),
        ({"ok": True}, UnexpectedAnswer, "none of Prometheus"),
    ],
)
def test_what_the_server_refuses_is_said(value: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        decode_answer(json.dumps(value).encode())


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"status": "success", "data": {"resultType": "matrix", "result": [{']
)
def test_a_body_that_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(UnexpectedAnswer):
        decode_answer(body)


def test_what_two_answers_both_have_is_there_once() -> None:
    """Pieces of a window share a sample at their seam; the later answer is right, and each series is in order."""
    first = matrix(
        {"metric": {"n": "a"}, "values": [[1772460000, "1"], [1772460015, "2"]]},
        {"metric": {"n": "b"}, "values": [[1772460000, "5"]]},
    )
    second = matrix(
        {"metric": {"n": "b"}, "values": [[1772460015, "6"]]},
        {"metric": {"n": "a"}, "values": [[1772460015, "3"], [1772460030, "4"]]},
    )

    samples, _, _ = frames_of([*decode_answer(first).series, *decode_answer(second).series])

    assert samples["series_id"].tolist() == [0, 0, 0, 1, 1]
    assert samples["value"].tolist() == [1, 3, 4, 5, 6]
    assert samples.index.tolist() == [0, 1, 2, 3, 4]


def test_answers_that_come_in_another_order_are_put_in_order() -> None:
    early = matrix({"metric": {"n": "a"}, "values": [[1772460000, "1"], [1772460015, "2"]]})
    late = matrix({"metric": {"n": "a"}, "values": [[1772460015, "3"], [1772460030, "4"]]})

    samples, _, _ = frames_of([*decode_answer(late).series, *decode_answer(early).series])

    assert samples["value"].tolist() == [1, 2, 4]
    assert samples["sampled_at"].is_monotonic_increasing


def test_a_series_is_told_from_its_neighbour_by_more_than_time() -> None:
    """The last sample of one series may be older or newer than the first of the next, and of the same moment."""
    samples, _, _ = frames_of(
        decode_answer(
            matrix(
                {"metric": {"n": "a"}, "values": [[1772460015, "1"]]},
                {"metric": {"n": "b"}, "values": []},
                {"metric": {"n": "c"}, "values": [[1772460015, "2"]]},
                {"metric": {"n": "d"}, "values": [[1772460000, "3"]]},
            )
        ).series
    )

    assert samples["series_id"].tolist() == [0, 2, 3]
    assert samples["value"].tolist() == [1, 2, 3]


def test_a_value_that_is_no_number_is_no_answer_of_prometheus() -> None:
    with pytest.raises(UnexpectedAnswer, match="none of Prometheus"):
        decode_answer(matrix({"metric": {}, "values": [[1772460000, "x"]]}))


def test_a_series_without_samples_is_no_answer_rather_than_none() -> None:
    """Else what a proxy cut out of an answer would read as “no such series”."""
    with pytest.raises(UnexpectedAnswer, match="none of Prometheus"):
        decode_answer(matrix({"metric": {"__name__": "m"}}))

    assert len(frames_of(decode_answer(matrix({"metric": {"__name__": "m"}, "values": []})).series)[0]) == 0


def test_a_mark_of_utf8_before_an_answer_changes_nothing_in_it() -> None:
    """A proxy puts it there; both the fast reading and the other one take it."""
    long = matrix({"metric": {"a": "b"}, "values": [[15 * number, str(number)] for number in range(2_000)]})
    for body in (long, matrix(), b'{"status": "success", "data": [1]}'):
        plain, marked = decode_answer(body), decode_answer(b"\xef\xbb\xbf" + body)

        assert (marked.kind, marked.warnings, marked.data) == (plain.kind, plain.warnings, plain.data)
        for frame, other in zip(frames_of(marked.series), frames_of(plain.series), strict=True):
            pd.testing.assert_frame_equal(frame, other)
