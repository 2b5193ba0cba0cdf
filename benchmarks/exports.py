"""Plant secrets, personal values and attacks in an incident, export it, and count what gets out or is live."""

from __future__ import annotations

import io
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pikepdf
from markdown_it import MarkdownIt

from benchmarks.harness import Measure
from dlqkit.evidence.collect import collect
from dlqkit.plots.theme import label_text, new_axes, theme
from dlqkit.report.bundle import make_zip
from dlqkit.report.redaction import find_personal
from dlqkit.report.run import run_postmortem
from dlqkit.settings import Settings
from tests.every_byte import where
from tests.evidence.service import QUESTION, record, serving
from tests.report.test_redaction import PERSONAL
from tests.test_untrusted import MEANT_TO_BREAK
from tests.whole.hostile import HOSTILE, LONG, collect_hostile, judge
from tests.whole.test_hostile import ATTRIBUTES, ELEMENTS, Page
from tests.whole.test_secrets import ECHOES, KEY, SECRETS, TICKETS, TOKEN

MOST_S = 2.0
"""To draw one label, however hostile."""
_LEADING = {"/URI", "/Launch", "/JavaScript", "/GoToR", "/SubmitForm"}


def run() -> Iterator[Measure]:
    """What got out must be nothing; what is drawn must be all."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _planted(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        yield from _live(Path(folder))
    yield from _labels()


def personal_values() -> list[str]:
    """The pieces of the corpus that name somebody, as they stand there."""
    pieces = [text[one.start : one.end] for texts in PERSONAL.values() for text in texts for one in find_personal(text)]
    # Where a value is so short or plain that it stands in any file, a hit would say nothing.
    return sorted({piece for piece in pieces if len(piece) >= 7})


def _rows() -> list[dict[str, Any]]:
    texts = [text for texts in PERSONAL.values() for text in texts]
    rows = [{**record(number, 50 - number / 4), "last_error": text, "payload_snapshot": {"note": text, "n": number}}
            for number, text in enumerate(texts)]  # fmt: skip
    echoes = [" ".join(echo(secret) for secret in SECRETS) for echo in ECHOES.values()]
    rows += [{**record(900 + number, 5), "last_error": text, f"note {TOKEN}": text, "payload_snapshot": {"auth": text}}
             for number, text in enumerate(echoes)]  # fmt: skip
    return rows


def _planted(place: Path) -> Iterator[Measure]:
    began = time.monotonic()
    environ = {"THE_KEY": KEY, "THE_TOKEN": TOKEN, "THE_TICKETS": TICKETS}
    with mock.patch.dict(os.environ, environ), serving(records=_rows()) as service:
        settings = Settings.model_validate(
            {"execution_logs": {"url": f"{service.url}/execution-logs", "page_limit": 4, "api_key": {"env": "THE_KEY"}},
             "prometheus": {"url": service.url, "headers": {"X-Token": {"env": "THE_TOKEN"}}},
             "tickets": {"kind": "directory", "path": str(place), "token": {"env": "THE_TICKETS"}}}
        )  # fmt: skip
        collect(QUESTION, settings, place / "incident")
        made = run_postmortem(place / "incident", output=place / "out")
    (place / "out" / "postmortem.zip").write_bytes(make_zip(made.paths))
    values = personal_values()
    files = len([path for path in (place / "out").rglob("*") if path.is_file()])
    secrets = where(place / "out", [secret.encode() for secret in SECRETS])
    people = where(place / "out", [value.encode() for value in values])
    detail = f"{files} files, {time.monotonic() - began:.0f} s"
    planted = f"{len(SECRETS) * len(ECHOES)} places; {detail}"
    yield Measure("planted secrets found in exports", len(secrets), 0, 0, False, f"{planted}; {secrets[:3]}")
    found = f"{len(values)} values planted; {[(name, word.decode()) for name, word in people[:3]]}"
    yield Measure("planted personal values found in exports", len(people), 0, 0, False, found)


def _live(place: Path) -> Iterator[Measure]:
    """Everything that an attacker may write, in every field; what of it would run or lead somewhere."""
    folder = collect_hostile(place / "incident")
    judge(folder.path)
    made = run_postmortem(folder.path, output=place / "out", include_payload=True)
    count = dict.fromkeys(("html", "md", "ipynb", "pdf"), 0)
    count["html"] = _of_html(made.paths["html"].read_text(encoding="utf-8"), ATTRIBUTES)
    count["md"] = _of_markdown(made.paths["md"].read_text(encoding="utf-8"))
    notebook = json.loads(made.paths["ipynb"].read_bytes())
    count["ipynb"] = sum(_of_output(output) for cell in notebook["cells"] for output in cell.get("outputs", []))
    count["pdf"] = _of_pdf(made.paths["pdf"].read_bytes())
    detail = ", ".join(f"{name} {number}" for name, number in count.items())
    yield Measure("executable or outside references in exports", sum(count.values()), 0, 0, False, detail)


def _of_html(text: str, allowed: set[str]) -> int:
    page = Page(text)
    sources = [one for one in page.attributes.get("src", ()) if not one.startswith("data:image/png;base64,")]
    return len(page.elements - ELEMENTS) + len(set(page.attributes) - allowed) + len(page.other) + len(sources)


def _of_markdown(text: str, figures: str = r"figures/[a-z]+\.png") -> int:
    tokens = MarkdownIt("gfm-like").parse(text)
    parts = [part for token in tokens for part in token.children or []]
    live = sum(one.type in {"link_open", "html_inline", "html_block"} for one in (*parts, *tokens))
    images = [str(one.attrs["src"]) for one in parts if one.type == "image"]
    return live + sum(not re.fullmatch(figures, one) for one in images)


def _of_output(output: Mapping[str, Any]) -> int:
    data = output.get("data", {})
    strange = len(set(data) - {"text/html", "text/plain", "image/png", "text/markdown"})
    text = _of_html("".join(data.get("text/html", "")), ATTRIBUTES | {"style"})
    return strange + text + _of_markdown("".join(data.get("text/markdown", "")))


def _of_pdf(content: bytes) -> int:
    with pikepdf.open(io.BytesIO(content)) as document:
        actions = [one for one in document.objects if isinstance(one, pikepdf.Dictionary) and "/S" in one
                   and str(one.S) in _LEADING]  # fmt: skip
        return len(actions) + len({"/OpenAction", "/AA", "/AcroForm"} & set(document.Root.keys()))


def labels() -> list[str]:
    """What breaks matplotlib's text, what hides, and what is endless."""
    own = ["$x^2$", "$$", '${"a":1}$', "$\\nosuch$", "{" * 3000, "a\0b", "\ud800", "\u202eevil", "世界 😀",
           "_hidden", "m" * 200_000, "", "{}%s\\n", "\n" * 1000, "\x1b]0;x\x07", "%(x)s", "a\u0300" * 500,
           "\U000e0041"]  # fmt: skip
    return [*own, HOSTILE, LONG, *MEANT_TO_BREAK]


def _labels() -> Iterator[Measure]:
    drawn, slowest, tried = 0, 0.0, 0
    with theme():
        new_axes().figure.savefig(io.BytesIO(), format="png")  # fonts are found once
    for text in labels():
        for kind in ("png", "svg", "pdf"):
            began, tried = time.process_time(), tried + 1
            with theme():
                axes = new_axes()
                axes.bar([label_text(text)], [1.0])
                axes.set_title(label_text(text))
                axes.annotate(label_text(text), (0, 0.5))
                out = io.BytesIO()
                axes.figure.savefig(out, format=kind)
            drawn += out.tell() > 1000
            slowest = max(slowest, time.process_time() - began)
    yield Measure("hostile labels that were drawn", drawn, tried, tried, True, f"{len(labels())} × png, svg, pdf")
    yield Measure("slowest of them, s", slowest, MOST_S, MOST_S, False, "CPU time")
