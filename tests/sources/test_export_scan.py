"""No export is written that holds a secret of the settings."""

from __future__ import annotations

import base64
import json
import os
import sys
import urllib.parse
from collections.abc import Callable

import pytest

from dlqkit.errors import EvidenceError
from dlqkit.settings import Settings
from dlqkit.sources.export_scan import check_exports, find_secret

SECRET = 't0ken/of+the "tests"=='
SETTINGS = Settings.model_validate({"tickets": {"kind": "jira", "url": "https://jira.example", "token": {"env": "T"}}})


@pytest.mark.parametrize(
    "written",
    [
        str,
        lambda secret: urllib.parse.quote(secret, safe=""),
        lambda secret: urllib.parse.quote(urllib.parse.quote_plus(secret)),
        lambda secret: base64.b64encode(f"olga:{secret}".encode()).decode(),
        lambda secret: base64.encodebytes((30 * "before" + secret).encode()).decode(),
        json.dumps,
        lambda secret: secret.replace('"', '""'),
        lambda secret: "".join(f"\\u{ord(sign):04x}" for sign in secret),
    ],
)
def test_a_secret_is_found_however_it_is_written(
    written: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("T", SECRET)
    contents = {"facts.json": b"nothing", "postmortem.html": f"<p>{written(SECRET)}</p>".encode()}

    with pytest.raises(EvidenceError) as refused:
        check_exports(contents, SETTINGS)

    assert "postmortem.html" in refused.value.problem
    assert "t0ken" not in str(refused.value)


def test_nothing_is_refused_without_a_secret_or_for_a_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot be had is not known, and one of seven letters may be a word of the report."""
    contents = {"postmortem.md": f"{SECRET} and payment".encode()}
    monkeypatch.delenv("T", raising=False)
    check_exports(contents, SETTINGS)
    monkeypatch.setenv("T", "payment")
    check_exports(contents, SETTINGS)
    monkeypatch.setenv("T", "another-token")
    check_exports(contents, SETTINGS)


@pytest.mark.skipif(sys.platform != "linux", reason="a pipe has a path there alone")
def test_a_pipe_is_left_to_the_source_that_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of ``3< <(pass show dlq)``: what was read of it is gone."""
    reads, writes = os.pipe()
    os.write(writes, SECRET.encode())
    os.close(writes)
    settings = Settings.model_validate(
        {
            "execution_logs": {"url": "https://api.example", "api_key": {"file": f"/dev/fd/{reads}"}},
            "tickets": {"token": {"env": "T"}},
        }
    )
    monkeypatch.setenv("T", "another-token")

    found = find_secret({"--by": b"ann of another-token"}, settings, asking=True)

    assert (found, os.read(reads, 100)) == ("--by", SECRET.encode())
    os.close(reads)


def test_no_secret_is_looked_up_for_texts_that_are_too_short_to_hold_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlqkit.sources.export_scan.known_secrets", pytest.fail)

    assert find_secret({"--since": b"2h", "--by": b"ann"}, SETTINGS, asking=True) is None
