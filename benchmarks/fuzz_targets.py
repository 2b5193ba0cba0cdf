"""What the fuzzer calls: every parser of foreign bytes, and every sink of foreign text, each with what must hold."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import unicodedata
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
from markdown_it import MarkdownIt
from markdown_it.token import Token

from dlqkit import untrusted
from dlqkit.cells import cell_width
from dlqkit.decision.errors.error_text import classify_error, read_error
from dlqkit.errors import DlqkitError
from dlqkit.evidence import audit_log
from dlqkit.evidence.folder import read_question
from dlqkit.evidence.manifest import read_manifest, verify
from dlqkit.evidence.zip_import import import_zip
from dlqkit.frames import RECORDS, conform
from dlqkit.incident import parse_duration, parse_time
from dlqkit.prevention.payload_proposal import propose_schema
from dlqkit.report.judgement import parse_judgement, read_yaml
from dlqkit.republish.claims import read_claim
from dlqkit.republish.edit_table import payload_table
from dlqkit.republish.edits import apply_edit, read_edit
from dlqkit.republish.exact_json import parse_exact, plain_value, write_value
from dlqkit.republish.field_paths import escape_name, read_names
from dlqkit.republish.frozen import read_document, read_frozen
from dlqkit.republish.plan import read_plan
from dlqkit.republish.plan_decisions import Approval
from dlqkit.settings import load_settings
from dlqkit.sources.alerts import read_alert
from dlqkit.sources.http import _origin, check_url, describe_body, shown_url
from dlqkit.sources.masking import Masks
from dlqkit.sources.message_decode import MessageReader, frame_of
from dlqkit.sources.metrics_page import parse_page
from dlqkit.sources.page_markers import find_next_url
from dlqkit.sources.prometheus_decode import decode_answer, frames_of
from dlqkit.sources.record_decode import decode_page
from dlqkit.sources.record_exports import RecordExports
from dlqkit.sources.support_reports import SupportReports
from dlqkit.sources.worker_logs import WorkerLogs

__all__ = ["PARSERS", "SINKS"]

_NOW = datetime(2026, 3, 2, 14, tzinfo=UTC)
_MARKDOWN = MarkdownIt("gfm-like").disable("text_join")
# GitHub links no host's bare name but behind "www." (its "Autolinks (extension)"), which is looked for by itself.
_MARKDOWN.linkify.set({"fuzzy_link": False})  # type: ignore[union-attr]
_LIVE_TOKENS = {"link_open", "image", "html_inline", "html_block", "fence", "code_block", "em_open", "strong_open",
                "s_open", "heading_open", "bullet_list_open", "ordered_list_open", "table_open", "hr",
                "blockquote_open"}  # fmt: skip


def _text(body: bytes) -> str:
    return body.decode("utf-8", "surrogateescape").replace("\udcff", "\ud800")


# --- parsers: an answer, or an error in words


def _records(body: bytes, _: Path) -> None:
    page = decode_page(body)
    assert page.received == len(page.frame) + len(page.quarantined), "a record is neither kept nor put apart"


def _prometheus(body: bytes, _: Path) -> None:
    frames_of(decode_answer(body).series)


def _metrics_page(body: bytes, _: Path) -> None:
    parse_page(body, "text/plain", _NOW)


def _alert(body: bytes, _: Path) -> None:
    read_alert(Path("-"), standard_input=io.BytesIO(body))


def _worker_log(body: bytes, place: Path) -> None:
    path = place / "worker.log"
    path.write_bytes(body)
    loaded = WorkerLogs(path).load()
    assert len(loaded.frame) <= loaded.coverage.details["lines"]


def _export(body: bytes, place: Path) -> None:
    path = place / "export"
    path.write_bytes(body)
    RecordExports(path).load()


def _reports(body: bytes, place: Path) -> None:
    path = place / "reports.csv"
    path.write_bytes(body)
    SupportReports(path).load()


def _settings(body: bytes, place: Path) -> None:
    path = place / "settings.toml"
    path.write_bytes(body)
    load_settings(path, environ={})


def _judgement(body: bytes, place: Path) -> None:
    path = place / "judgement.yaml"
    path.write_bytes(body)
    parse_judgement(read_yaml(path))


def _question(body: bytes, place: Path) -> None:
    folder = place / "question"
    folder.mkdir(exist_ok=True)
    (folder / "incident.toml").write_bytes(body)
    read_question(folder)


def _manifest(body: bytes, place: Path) -> None:
    folder = place / "incident" / "evidence" / "001"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_bytes(body)
    assert verify(place / "incident"), "a manifest that nobody wrote down was not named"
    read_manifest(folder)


def _audit(body: bytes, place: Path) -> None:
    folder = place / "audit"
    folder.mkdir(exist_ok=True)
    (folder / audit_log.NAME).write_bytes(body)
    audit_log.read(folder)
    audit_log.check_chain(folder)
    verify(folder)


def _plan(body: bytes, place: Path) -> None:
    folder = place / "plans" / "republish"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan-001.json").write_bytes(body)
    read_plan(folder.parent, "plan-001")


def _approval(body: bytes, place: Path) -> None:
    path = place / "approval.json"
    path.write_bytes(body)
    read_frozen(path, Approval)


def _claim(body: bytes, place: Path) -> None:
    path = place / "claim.json"
    path.write_bytes(body)
    read_claim(path)
    read_document(path)


def _times(body: bytes, _: Path) -> None:
    text = _text(body)
    with suppress(DlqkitError):
        parse_time(text, now=_NOW)
    parse_duration(text)


def _edits(body: bytes, _: Path) -> None:
    text = _text(body)
    with suppress(DlqkitError):
        assert read_names(escape_name(text)) == [text] or "\\" in text or not text
    apply_edit('{"a": {"b": [1, 2.50]}, "order": 7}', read_edit(text, "wrong client", "ann"))


def _exact_json(body: bytes, _: Path) -> None:
    text = _text(body)
    try:
        value = plain_value(parse_exact(text))
    except ValueError:
        return
    assert plain_value(parse_exact(write_value(value))) == value
    payload_table({"e": text})


def _error_texts(body: bytes, _: Path) -> None:
    text = _text(body)
    assert classify_error(text) in {"business", "infrastructure", "timeout", "unknown"}
    read_error(text)


def _payloads(body: bytes, _: Path) -> None:
    texts = [body.decode("utf-8", "replace"), '{"a": 1}', '{"a": "x", "b": [1]}', None]
    frame = pd.DataFrame({"record_id": list("abcd"), "event_key": list("abcd"), "workflow_id": "wf",
                          "payload_snapshot": texts, "queued_to_dlq": [False, False, False, True]})  # fmt: skip
    propose_schema(conform(frame, RECORDS))


def _message(body: bytes, _: Path) -> None:
    attributes = {"trace_id": _text(body[:20]), _text(body[20:40]): "x"}
    with suppress(UnicodeEncodeError):
        for name, value in attributes.items():
            (name + value).encode()  # protobuf holds no half characters
        message = SimpleNamespace(
            message=SimpleNamespace(data=body, attributes=attributes, message_id="m1", ordering_key="",
                                    publish_time=_NOW), delivery_attempt=5, ack_id="a",
        )  # fmt: skip
        frame_of(MessageReader({}, Masks(())).read([message]).rows)


def _address(body: bytes, _: Path) -> None:
    text = _text(body)
    shown_url(text)
    describe_body(body)
    with suppress(DlqkitError):
        check_url(text, setting="execution_logs.url", has_secret=True)
    for wrapper, headers in (({"next": text}, {}), ({}, {"Link": f"<{text}>; rel=next"})):
        url = find_next_url(wrapper, headers, "https://api.example/x")
        assert url is None or _origin(url)


def _zip(body: bytes, place: Path) -> None:
    source, target = place / "x.zip", place / "unpacked"
    source.write_bytes(body)
    before = sorted(place.iterdir())
    try:
        import_zip(source, target)
        assert not [path for path in target.rglob("*") if path.is_symlink() or path.suffix in {".py", ".ipynb"}]
    finally:
        from shutil import rmtree

        rmtree(target, ignore_errors=True)
    assert sorted(place.iterdir()) == before, "something was left beside the folder"


PARSERS: dict[str, Callable[[bytes, Path], None]] = {
    "records": _records,
    "prometheus": _prometheus,
    "metrics page": _metrics_page,
    "alert": _alert,
    "worker log": _worker_log,
    "export": _export,
    "support reports": _reports,
    "settings": _settings,
    "judgement": _judgement,
    "question": _question,
    "manifest": _manifest,
    "audit log": _audit,
    "plan": _plan,
    "approval": _approval,
    "claim": _claim,
    "times": _times,
    "edits": _edits,
    "exact JSON": _exact_json,
    "error texts": _error_texts,
    "payloads": _payloads,
    "original message": _message,
    "next address": _address,
    "zip": _zip,
}


# --- sinks: what is shown is the text, and nothing of it is live


def _is_plain(text: str) -> bool:
    # Spaces that do not break are spaces to a terminal as well.
    return all(sign.isprintable() or unicodedata.category(sign) == "Zs" for sign in text)


def _html(text: str) -> None:
    safe = untrusted.for_html(text)
    assert not set(safe) & set("<>\"'")
    assert html.unescape(safe) == untrusted.for_terminal(text)


def _terminal(text: str) -> None:
    assert _is_plain(untrusted.for_terminal(text))
    for width in (1, 20, 80):
        for lines in (None, 1, 3):
            shown = untrusted.for_terminal_lines(text, width, lines)
            assert all(_is_plain(line) for line in shown)
            assert width == 1 or all(cell_width(line) <= width for line in shown)
            assert lines is None or len(shown) <= lines


def _has_address(parts: Sequence[Token]) -> bool:
    """Whether GitHub would link a host's name behind "www." in the text; an escaped full stop is a part by itself."""
    return any(part.type == "text" and re.search(r"(?<!\w)www\.\w", part.content, re.IGNORECASE) for part in parts)


def _markdown(text: str) -> None:
    for safe in (untrusted.for_markdown(text), untrusted.for_markdown_code(text), untrusted.for_markdown_alt(text)):
        assert _is_plain(safe)
        for around in ("{}", "x {} y", "- {}", "> {}"):
            tokens = _MARKDOWN.parse(around.format(safe))
            kinds = [part.type for token in tokens for part in token.children or []] + [one.type for one in tokens]
            own = {"bullet_list_open"} if around[0] == "-" else {"blockquote_open"} if around[0] == ">" else set()
            assert not set(kinds) & (_LIVE_TOKENS - own), (around, safe, kinds)
            assert not any(_has_address(token.children or []) for token in tokens), safe


def _pasting(text: str) -> None:
    safe = untrusted.for_pasting(text)
    assert _is_plain(safe)
    tokens = _MARKDOWN.parse(f"**label**: {safe}")
    kinds = {part.type for token in tokens for part in token.children or []}
    assert not kinds & {"link_open", "image", "html_inline"}, (safe, kinds)
    assert not any(_has_address(token.children or []) for token in tokens), safe


def _jira(text: str) -> None:
    rest = re.sub(r"\\[-#*_+?^~|%{}\[\]()!@]|&#92;|&amp;", "", untrusted.for_jira(text))
    assert _is_plain(rest)
    assert not set(rest) & set("{}[]|*_+^~!@#"), rest


def _json(text: str) -> None:
    document = untrusted.for_json(json.dumps({"a": text}, ensure_ascii=False))
    # Two halves of a character side by side are the character, in JSON as in UTF-16.
    assert json.loads(document) == {"a": text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")}
    document.encode()
    assert not any(sign in document for sign in "\x1b\x07\x9b\u202e\u2066\u200b\u2028\ud800")


def _csv(text: str) -> None:
    cell = untrusted.for_csv(text)
    out = io.StringIO()
    csv.writer(out).writerow([cell, "z"])
    assert next(csv.reader(io.StringIO(out.getvalue()))) == [cell, "z"]
    assert cell.lstrip(" ")[:1] not in {"=", "+", "-", "@", "\t", "\r"}


def _promql(text: str) -> None:
    inside = untrusted.for_promql(text)
    assert "\n" not in inside and not re.search(r'(?<!\\)(?:\\\\)*"', inside)
    assert re.sub(r"\\(.)", lambda one: {"n": "\n", "r": "\r"}.get(one[1], one[1]), inside, flags=re.S) == text
    pattern = re.sub(r"\\(.)", lambda one: {"n": "\n", "r": "\r"}.get(one[1], one[1]), untrusted.for_promql_regex(text),
                     flags=re.S)  # fmt: skip
    assert re.fullmatch(pattern, text)


def _file_name(text: str) -> None:
    name = untrusted.for_file_name(text)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name), name
    assert len(name) <= 62 and Path(name).name == name and name not in {".", ".."}
    assert name.split(".")[0].lower() not in {"con", "nul", "aux", "prn", "com1", "lpt1"}


def _plot(text: str) -> None:
    label = untrusted.for_plot(text)
    assert _is_plain(label) and len(label) <= 60
    assert _is_plain(untrusted.for_typst(text, 60))


SINKS: dict[str, Callable[[str], None]] = {
    "for_html": _html,
    "for_terminal": _terminal,
    "for_markdown": _markdown,
    "for_pasting": _pasting,
    "for_jira": _jira,
    "for_json": _json,
    "for_csv": _csv,
    "for_promql": _promql,
    "for_file_name": _file_name,
    "for_plot": _plot,
}
warnings.filterwarnings("ignore", category=UserWarning)
