"""Exports that are larger than what is read at once: the same records, and no more memory than a lot takes."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import zstandard

from dlqkit.errors import UnexpectedAnswer
from dlqkit.frames import Coverage
from dlqkit.sources import export_lots
from dlqkit.sources.export_lots import UNCLOSED
from dlqkit.sources.record_decode import REPLACED
from dlqkit.sources.record_exports import RecordExports
from dlqkit.sources.record_repair import Quarantined

ROWS = [
    {"id": f"r{n}", "workflow_id": "007", "trace_id": f"0{n}", "created_at": f"2026-03-02T14:{n:02d}:00Z",
     "status": "failed", "queued_to_dlq": True, "attempts": 5, "last_error": f"line one\nof „{n}“ is the first",
     "payload_snapshot": json.dumps({"order": n, "note": "ü" * 20})}
    for n in range(40)
]  # fmt: skip


def as_lines(rows: list[dict[str, Any]]) -> bytes:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=";")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode("utf-8-sig")


def small_lots(monkeypatch: pytest.MonkeyPatch, size: int = 500) -> None:
    monkeypatch.setattr("dlqkit.sources.export_lots.LOT_BYTES", size)
    monkeypatch.setattr("dlqkit.sources.record_exports.BATCH_ROWS", 3)


@pytest.mark.parametrize("write", [as_lines, as_csv])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
@pytest.mark.parametrize("size", [1, 500, 3_000])
def test_an_export_is_the_same_read_in_lots_or_at_once(
    write: Callable[[list[dict[str, Any]]], bytes], pack: Callable[[bytes], bytes], size: int, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Lots end at ends of lines, also where a cell of CSV has lines of its own."""
    path = tmp_path / "export"
    path.write_bytes(pack(write(ROWS)))
    at_once = RecordExports(path).load()
    small_lots(monkeypatch, size)

    in_lots = RecordExports(path).load()

    pd.testing.assert_frame_equal(in_lots.frame, at_once.frame)
    assert in_lots.coverage == at_once.coverage
    assert len(in_lots.frame) == 40


def test_a_line_of_csv_ends_at_no_sign_of_unicode(tmp_path: Path) -> None:
    """An error was copied out of a web page: U+2028, U+0085 and a form feed in it are parts of its text."""
    text = "line one\u2028line two\u0085line three\x0cthe end"
    path = tmp_path / "export.csv"
    path.write_bytes(as_csv([{**ROWS[0], "last_error": text}, ROWS[1]]))

    loaded = RecordExports(path).load()

    assert loaded.frame["last_error"].tolist() == [text, ROWS[1]["last_error"]]
    assert (loaded.coverage.rows, loaded.coverage.quarantined) == (2, 0)


def test_broken_lines_of_any_lot_are_counted_and_only_the_last_line_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "export.jsonl"
    lines = as_lines(ROWS).splitlines()
    path.write_bytes(b"\n".join([*lines[:9], b"{broken", *lines[9:20], b"{", *lines[20:39], lines[39][:50]]))
    small_lots(monkeypatch)

    coverage = RecordExports(path).load().coverage

    assert (coverage.rows, coverage.quarantined, coverage.completeness) == (39, 3, "partial")
    assert coverage.missing == ("export.jsonl was cut in its last line.", "2 rows of export.jsonl are no records.")


def test_secrets_are_masked_in_every_lot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "export.jsonl"
    path.write_bytes(as_lines([{**row, "last_error": "key hunter22 refused"} for row in ROWS]))
    small_lots(monkeypatch)

    loaded = RecordExports(path, secrets=["hunter22"]).load()

    assert set(loaded.frame["last_error"]) == {"key ******** refused"}
    assert "Known secrets stood in 40 places; they are masked." in loaded.coverage.findings


@pytest.mark.parametrize("indent", [None, 1])
def test_a_saved_page_that_is_larger_than_a_lot_is_read_as_a_page(
    indent: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "page.json"
    path.write_text(json.dumps({"items": ROWS}, indent=indent))
    small_lots(monkeypatch)

    assert len(RecordExports(path).load().frame) == 40


def test_a_packed_file_that_was_cut_is_told_after_the_records_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came by then is not taken for all of it."""
    path = tmp_path / "export.jsonl.gz"
    path.write_bytes(gzip.compress(as_lines(ROWS), compresslevel=0)[:-3_000])
    small_lots(monkeypatch)

    with pytest.raises(UnexpectedAnswer, match=r"export\.jsonl\.gz cannot be read; it may be cut"):
        RecordExports(path).load()


MEASURE = """
import json, sys
from pathlib import Path
from dlqkit.sources.record_decode import REPLACED
from dlqkit.sources.record_exports import RecordExports
def peak():
    said = Path("/proc/self/status").read_text().split()
    return int(said[said.index("VmHWM:") + 1]) / 1024
RecordExports(sys.argv[1]).stream(lambda frame: None)
few = peak()
coverage, _ = RecordExports(sys.argv[2]).stream(lambda frame: None)
print(json.dumps([coverage.rows, few, peak()]))
"""


@pytest.mark.parametrize("write", [as_lines, as_csv])
def test_an_export_of_any_size_takes_the_memory_of_a_lot(
    write: Callable[[list[dict[str, Any]]], bytes], tmp_path: Path
) -> None:
    """Seventy-five megabytes take hardly more than fifteen; read whole they took several times their own size."""
    head, _, _ = write(ROWS[:1]).partition(b"\n") if write is as_csv else (b"", b"", b"")
    for name, size_mb in (("few", 15), ("many", 75)):
        with (tmp_path / name).open("wb") as file:
            file.write(head + b"\n" if head else b"")
            number = 0
            while file.tell() < size_mb * 1_000_000:
                rows = [{**ROWS[0], "id": f"r{number + n}", "payload_snapshot": '"' + "x" * 4_000 + '"'}
                        for n in range(1_000)]  # fmt: skip
                body = write(rows)
                file.write(body.partition(b"\n")[2] if head else body + b"\n")
                number += 1_000

    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "few"), str(tmp_path / "many")], capture_output=True, text=True,
        check=True,
    )  # fmt: skip

    rows, few, many = json.loads(done.stdout)
    assert rows > 15_000
    assert many < few + 80, (few, many)


def test_a_packed_file_that_expands_without_an_end_is_refused_in_little_memory(tmp_path: Path) -> None:
    """Fifty records and 700 MB of blanks: the file is of less than a megabyte, and nobody exported it."""
    few, bomb = tmp_path / "few.jsonl", tmp_path / "bomb.jsonl.gz"
    few.write_bytes(as_lines(ROWS))
    with gzip.open(bomb, "wb") as file:
        file.write(as_lines(ROWS) + b"\n")
        for _ in range(700):
            file.write(b" " * 1_000_000)
    told = MEASURE.replace(
        "coverage, _ = RecordExports(sys.argv[2]).stream(lambda frame: None)",
        "from dlqkit.errors import UnexpectedAnswer\n"
        "try: RecordExports(sys.argv[2]).load()\n"
        "except UnexpectedAnswer as error: print(error)",
    ).replace("coverage.rows, ", "")

    done = subprocess.run(
        [sys.executable, "-c", told, str(few), str(bomb)], capture_output=True, text=True, check=True, timeout=60
    )

    problem, _, figures = done.stdout.splitlines()
    before, after = json.loads(figures)
    assert problem.startswith("bomb.jsonl.gz expands to ")
    assert after - before < 300


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_records_that_are_packed_well_are_no_bomb(
    pack: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same error a million times packs to a thousandth; each line of it ends."""
    monkeypatch.setattr("dlqkit.sources.export_lots._FREE_BYTES", 64 << 10)
    path = tmp_path / "export.jsonl"
    path.write_bytes(pack(as_lines([ROWS[0]]) + (b"\n" + as_lines([ROWS[0]])) * 5_000))
    small_lots(monkeypatch, 16 << 10)

    assert RecordExports(path).load().coverage.rows == 1


def test_a_hole_of_any_size_is_told_and_takes_no_memory(tmp_path: Path) -> None:
    """What a disk leaves of a file that was not written to its end: the records before it count."""
    path = tmp_path / "export.jsonl"
    path.write_bytes(as_lines(ROWS) + b"\n")
    with path.open("r+b") as file:
        file.truncate(1 << 30)

    coverage = RecordExports(path).load().coverage

    assert (coverage.rows, coverage.completeness) == (40, "partial")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("write", [as_lines, as_csv])
@pytest.mark.parametrize("size", [2, 500, 1 << 20])
def test_an_export_that_a_spreadsheet_saved_as_utf16_is_read(
    encoding: str, write: Callable[[list[dict[str, Any]]], bytes], size: int, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Its mark at the beginning tells; some letters of it hold the byte of a newline."""
    rows = [{**row, "last_error": f"Ċਊ\n{row['last_error']}"} for row in ROWS]
    plain, path = tmp_path / "plain", tmp_path / "export"
    plain.write_bytes(write(rows))
    path.write_bytes(("\ufeff" + write(rows).decode("utf-8-sig")).encode(encoding))
    expected = RecordExports(plain).load()
    small_lots(monkeypatch, size)

    loaded = RecordExports(path).load()

    pd.testing.assert_frame_equal(loaded.frame, expected.frame)
    assert loaded.coverage == expected.coverage


@pytest.mark.parametrize("encoding", ["utf-32-le", "utf-32-be"])
def test_an_export_in_utf32_is_read(encoding: str, tmp_path: Path) -> None:
    plain, path = tmp_path / "plain", tmp_path / "export"
    plain.write_bytes(as_lines(ROWS))
    path.write_bytes(("\ufeff" + as_lines(ROWS).decode()).encode(encoding))

    pd.testing.assert_frame_equal(RecordExports(path).load().frame, RecordExports(plain).load().frame)


def test_a_file_that_begins_as_utf16_and_is_not_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_bytes("\ufeffid;workflow_id\nr1;wf\n".encode("utf-16-le") + b"x")

    with pytest.raises(UnexpectedAnswer, match="begins as UTF-16"):
        RecordExports(path).load()


def test_a_row_of_csv_with_a_byte_that_is_no_utf8_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    """In an error's text it is replaced and told, as in JSON lines and Parquet; an id with it is another one."""
    lines = as_csv(ROWS[:5]).replace(b"\xe2\x80\x9e2\xe2\x80\x9c", b"\xff2\xff").replace(b"r4;", b"r\xe94;")
    path = tmp_path / "export.csv"
    path.write_bytes(lines)

    loaded = RecordExports(path).load()

    assert loaded.frame["record_id"].tolist() == ["r0", "r1", "r2", "r3"]
    assert loaded.frame["last_error"][2] == "line one\nof \ufffd2\ufffd is the first"
    assert loaded.frame["last_error"][1] == ROWS[1]["last_error"]
    assert REPLACED in loaded.coverage.findings
    assert loaded.coverage.quarantined == 1
    assert loaded.coverage.missing == ("1 rows of export.csv are no records.",)


@pytest.mark.parametrize("row", [ROWS[0], {**ROWS[0], "last_error": '{"message": "no", "code": 7}'}])
def test_an_error_that_is_an_object_stays_one_beside_a_byte_that_is_no_utf8(
    row: dict[str, Any], tmp_path: Path
) -> None:
    """Who reads the row with the odd byte changes nothing in the rows of the same lot."""
    path = tmp_path / "export.csv"
    path.write_bytes(as_csv([row, {**ROWS[1], "last_error": "odd"}]).replace(b"odd", b"o\xffd"))
    plain = tmp_path / "plain.csv"
    plain.write_bytes(as_csv([row]))

    loaded = RecordExports(path).load().frame

    assert loaded["last_error"][0] == RecordExports(plain).load().frame["last_error"][0]
    assert loaded["last_error"][1] == "o\ufffdd"


@pytest.mark.parametrize(
    "content", [b"id;workflow_id;gr\xfcnde\nr1;wf;x\n", "id;workflow_id\nr1;wf\n".encode("utf-16-le")]
)
def test_columns_named_in_another_encoding_are_refused_in_words(content: bytes, tmp_path: Path) -> None:
    """Without a mark nothing tells which encoding it is."""
    path = tmp_path / "export.csv"
    path.write_bytes(content)

    with pytest.raises(UnexpectedAnswer, match="another encoding than UTF-8") as refused:
        RecordExports(path).load()
    assert "UTF-8" in refused.value.next_step


HEADER = "id,workflow_id,created_at,status,last_error\n"
ROW = "r{n},wf,2026-03-02T14:00:0{n}Z,failed,{error}\n"


def test_a_row_with_more_cells_than_columns_is_put_apart_as_it_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an error with a comma nobody knows where it ends; a delimiter at the end of each row adds nothing."""
    path = tmp_path / "export.csv"
    wide = ROW.format(n=1, error='"a\nb", while reading \udcff,\u2028')
    rows = [ROW.format(n=0, error="Timeout"), wide, ROW.format(n=2, error="refused,,"), "r3,wf\n", "\n"]
    path.write_bytes((HEADER + "".join(rows)).encode(errors="surrogateescape"))
    small_lots(monkeypatch)
    apart: list[Quarantined] = []
    exports = RecordExports(path)

    coverage, _ = exports.stream(lambda frame: None, apart.extend)

    assert exports.load().frame["last_error"].dropna().tolist() == ["Timeout", "refused"]
    reason = "It has more cells than the header names."
    assert apart == [Quarantined(wide.rstrip("\n").encode(errors="surrogateescape"), reason)]
    assert (coverage.rows, coverage.quarantined) == (3, 1)
    assert coverage.missing == ("1 rows of export.csv have more cells than its header names; they are kept apart.",)


def test_columns_of_one_name_and_of_none_lose_no_cell(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text("id,workflow_id,trace_id,status,last_error,id,,id,id (2)\na,wf,t,failed,refused,b,c,d,e\n")

    loaded = RecordExports(path).load()

    row = loaded.frame.iloc[0]
    assert (row["record_id"], row["last_error"]) == ("a", "refused")
    assert json.loads(row["extra_json"]) == {"id (3)": "b", "column 7": "c", "id (4)": "d", "id (2)": "e"}
    assert any("Columns of export.csv that are named as one before them: 2, such as id;" in text
               for text in loaded.coverage.findings)  # fmt: skip


def test_a_row_of_csv_without_an_end_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many cells, none of them too long."""
    monkeypatch.setattr("dlqkit.sources.export_lots.LONGEST_CELL", 1_000)
    path = tmp_path / "export.csv"
    path.write_text(HEADER + ROW.format(n=0, error="refused") + "," * 2_000 + "\n")

    with pytest.raises(UnexpectedAnswer, match="longer than any record"):
        RecordExports(path).load()


def test_a_header_of_more_columns_than_any_record_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text("," * 20_000 + "\na,b\n")

    with pytest.raises(UnexpectedAnswer, match="20,001 columns"):
        RecordExports(path).load()


def test_a_line_of_utf16_without_an_end_is_refused_in_little_memory(tmp_path: Path) -> None:
    few, long = tmp_path / "few.json", tmp_path / "long.json"
    few.write_bytes(("\ufeff" + as_lines(ROWS).decode()).encode("utf-16-le"))
    with long.open("wb") as file:
        file.write("\ufeff[".encode("utf-16-le"))
        for _ in range(160):
            file.write("x".encode("utf-16-le") * (1 << 19))
    told = MEASURE.replace(
        "coverage, _ = RecordExports(sys.argv[2]).stream(lambda frame: None)",
        "from dlqkit.errors import UnexpectedAnswer\n"
        "try: RecordExports(sys.argv[2]).load()\n"
        "except UnexpectedAnswer as error: print(error.problem)",
    ).replace("coverage.rows, ", "")

    done = subprocess.run(
        [sys.executable, "-c", told, str(few), str(long)], capture_output=True, text=True, check=True, timeout=60
    )

    problem, figures = done.stdout.splitlines()
    before, after = json.loads(figures)
    assert problem == "long.json has a line of more than 64 MiB in UTF-16."
    assert after - before < 200


def test_a_saved_page_of_utf16_on_one_line_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "page.json"
    path.write_bytes(("\ufeff" + json.dumps({"items": ROWS}, ensure_ascii=False)).encode("utf-16-be"))
    small_lots(monkeypatch)

    assert len(RecordExports(path).load().frame) == 40


COLUMNS = "id,workflow_id,trace_id,created_at,status,queued_to_dlq,last_error"


def csv_row(number: int, error: str = "refused") -> str:
    return f"c{number},wf,t{number},2026-03-02T14:{number:02d}:00Z,failed,true,{error}"


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_quote_that_is_never_closed_costs_its_own_row_alone(end: str, tmp_path: Path) -> None:
    """It takes all later rows into its cell; they are read again without it, quoted cells over several lines too."""
    rows = [csv_row(n) for n in range(30)]
    rows[5] = csv_row(5, '"lost quote')
    path, apart = tmp_path / "export.csv", list[Quarantined]()
    path.write_text(end.join([COLUMNS, *rows, ""]), newline="")

    coverage, _ = RecordExports(path).stream(lambda frame: None, apart.extend)

    assert [(one.raw.decode(), one.reason) for one in apart] == [(rows[5], "It opens a quote that is not closed.")]
    assert (coverage.rows, coverage.quarantined, coverage.completeness) == (29, 1, "partial")
    assert coverage.missing == (
        "Quotes of export.csv that are not closed: 1; the lines that open them are kept apart.",
    )


@pytest.mark.parametrize("rest", [csv_row(20, '"half of an er'), "c20,wf,t20,2026-03", "c20"])
def test_a_csv_that_was_cut_in_its_last_row_is_partial(rest: str, tmp_path: Path) -> None:
    """Half a row is no record: its time would be one that it never had."""
    path, apart = tmp_path / "export.csv", list[Quarantined]()
    path.write_text("\r\n".join([COLUMNS, *(csv_row(n) for n in range(20)), rest]), newline="")

    coverage, _ = RecordExports(path).stream(lambda frame: None, apart.extend)

    assert [(one.raw.decode(), one.reason) for one in apart] == [(rest, "The file ends within it.")]
    assert (coverage.rows, coverage.quarantined, coverage.completeness) == (20, 1, "partial")
    assert coverage.missing == ("export.csv was cut in its last line.",)


@pytest.mark.parametrize(
    "last", [csv_row(2), csv_row(2, '"over\ntwo lines, with a ""quote"""'), csv_row(2, ""), csv_row(2) + "\n\n"]
)
def test_a_csv_whose_last_row_is_whole_is_complete_with_or_without_an_end_of_its_line(
    last: str, tmp_path: Path
) -> None:
    path = tmp_path / "export.csv"
    path.write_text("\n".join([COLUMNS, csv_row(0), csv_row(1), last]))

    coverage = RecordExports(path).load().coverage

    assert (coverage.rows, coverage.quarantined, coverage.completeness) == (3, 0, "complete")


def test_a_file_of_nothing_but_open_quotes_is_put_apart_in_bounded_time(tmp_path: Path) -> None:
    path, apart = tmp_path / "export.csv", list[Quarantined]()
    path.write_text("\n".join([COLUMNS, csv_row(0), *['"""open'] * 20_000]))

    coverage, _ = RecordExports(path).stream(lambda frame: None, apart.extend)

    assert coverage.rows == 1
    assert coverage.completeness == "partial"
    assert [one.raw for one in apart] == [b'"""open'] * 20_000
    assert coverage.quarantined == 20_000


def read_apart(path: Path) -> tuple[pd.DataFrame, list[str], Coverage]:
    frames, apart = list[pd.DataFrame](), list[Quarantined]()
    coverage, _ = RecordExports(path).stream(frames.append, apart.extend)
    assert all(one.reason == UNCLOSED for one in apart)
    return pd.concat(frames), [one.raw.decode() for one in apart], coverage


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("cell", ['"boom"', '"boom, really"', '"boom{end}of ""two"" lines"', '"b""oom"'])
@pytest.mark.parametrize("budget", [export_lots._READ_AGAIN, 0])
def test_a_quote_that_a_later_one_happens_to_close_costs_its_own_row_alone(
    budget: int, cell: str, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind the quote that seems to close it stands a letter; rows of one line between them are read in any case."""
    monkeypatch.setattr(export_lots, "_READ_AGAIN", budget)
    rows = [csv_row(n) for n in range(9)]
    rows[3], rows[6] = csv_row(3, '"oops'), csv_row(6, cell.format(end=end))
    path = tmp_path / "export.csv"
    path.write_text(end.join([COLUMNS, *rows, ""]), newline="")

    frame, apart, coverage = read_apart(path)

    assert apart == [rows[3]]
    assert frame["record_id"].tolist() == [f"c{n}" for n in range(9) if n != 3]
    assert (coverage.rows, coverage.quarantined, coverage.completeness) == (8, 1, "partial")
    assert coverage.missing == (
        "Quotes of export.csv that are not closed: 1; the lines that open them are kept apart.",
    )


def test_of_rows_that_open_a_quote_each_is_put_apart_alone(tmp_path: Path) -> None:
    """Two of them looked like one row of several lines."""
    rows = [csv_row(n, "refused" if n % 2 else '"oops') for n in range(60)]
    path = tmp_path / "export.csv"
    path.write_text("\n".join([COLUMNS, *rows, ""]))

    frame, apart, coverage = read_apart(path)

    assert apart == rows[::2]
    assert frame["record_id"].tolist() == [f"c{n}" for n in range(1, 60, 2)]
    assert (coverage.rows, coverage.quarantined, coverage.completeness) == (30, 30, "partial")


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_quoted_cells_over_several_lines_are_read_as_they_are(end: str, tmp_path: Path) -> None:
    """With doubled quotes, delimiters and empty lines in them; a letter behind a quote is none of them."""
    errors = [f"one{end}two", f'"a", "b"{end}{end}"', f"{end}", f",{end},", f'{end}""{end}', f'x"{end}']
    cells = ['"' + error.replace('"', '""') + '"' for error in errors]
    path = tmp_path / "export.csv"
    path.write_text(end.join([COLUMNS, *map(csv_row, range(6), cells), csv_row(7, '"no" way'), ""]), newline="")

    frame, apart, coverage = read_apart(path)

    assert frame["last_error"].tolist() == [*errors, "no way"]
    assert (apart, coverage.quarantined, coverage.completeness, coverage.missing) == ([], 0, "complete", ())


@pytest.mark.parametrize("limit", ["LONGEST_CELL", "_MOST_LINES"])
def test_a_quote_that_takes_more_than_any_record_has_costs_its_own_row_alone(
    limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of thirty megabytes made an export of none."""
    monkeypatch.setattr(export_lots, limit, {"LONGEST_CELL": 1_000, "_MOST_LINES": 20}[limit])
    rows = [csv_row(n) for n in range(60)]
    rows[5] = csv_row(5, '"oops')
    path = tmp_path / "export.csv"
    path.write_text("\n".join([COLUMNS, *rows, ""]))

    _, apart, coverage = read_apart(path)

    assert apart == [rows[5]]
    assert (coverage.rows, coverage.quarantined, coverage.completeness) == (59, 1, "partial")


@pytest.mark.parametrize("longest", [export_lots.LONGEST_CELL, 5_000])
def test_lines_are_read_again_in_bounds_and_each_is_kept_or_put_apart(
    longest: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred and fifty open quotes before two thousand rows took all of these into one element, after a minute."""
    monkeypatch.setattr(export_lots, "LONGEST_CELL", longest)
    monkeypatch.setattr(export_lots, "_READ_AGAIN", 300_000)
    noted, read = export_lots._noted, 0

    def counted(name: str, lines: Iterable[str], row: list[str]) -> Iterator[str]:
        nonlocal read
        for line in noted(name, lines, row):
            read += len(line)
            yield line

    monkeypatch.setattr(export_lots, "_noted", counted)
    rows = [f"r{n},wf,t{n},2026-03-02T14:00:00Z,failed,true,refused" for n in range(2_000)]
    path = tmp_path / "export.csv"
    path.write_text("\n".join([COLUMNS, *['x","y'] * 150, *rows, ""]))

    frame, apart, coverage = read_apart(path)

    assert apart == ['x","y'] * 150
    assert frame["record_id"].tolist() == [f"r{n}" for n in range(2_000)]
    assert (coverage.rows, coverage.quarantined, coverage.completeness) == (2_000, 150, "partial")
    assert read < 300_000 + 2 * path.stat().st_size


def test_empty_lines_behind_open_quotes_cost_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_lots, "_MOST_LINES", 10_000)
    monkeypatch.setattr(export_lots, "_READ_AGAIN", 1 << 20)
    path = tmp_path / "export.csv"
    path.write_text("\n".join([COLUMNS, *['x","y'] * 150, "\n" * 400_000, csv_row(1), ""]))

    _, apart, coverage = read_apart(path)

    assert apart == ['x","y'] * 150
    assert (coverage.rows, coverage.quarantined) == (1, 150)


BROKEN = ['{"id":"r3" "x"}', "{bad}", '{"id":"r4",,}']


def test_lines_of_json_of_which_most_are_broken_keep_the_others(tmp_path: Path) -> None:
    good = [json.dumps(row) for row in ROWS[:2]]
    path, apart = tmp_path / "export.jsonl", list[Quarantined]()
    path.write_text("\n".join([good[0], *BROKEN, good[1], ""]))

    coverage, _ = RecordExports(path).stream(lambda frame: None, apart.extend)

    assert [one.raw.decode() for one in apart] == BROKEN
    assert (coverage.rows, coverage.quarantined, coverage.completeness) == (2, 3, "partial")
    assert coverage.missing == ("3 rows of export.jsonl are no records.",)


@pytest.mark.parametrize("lines", [BROKEN, ["{bad", '"text"', "}}", "x"], ["{", '{"seen": 1}', "x", "y"]])
def test_a_file_of_broken_json_without_a_record_is_refused(lines: list[str], tmp_path: Path) -> None:
    path = tmp_path / "export.jsonl"
    path.write_text("\n".join(lines))

    with pytest.raises(UnexpectedAnswer, match="cut off or broken"):
        RecordExports(path).load()
