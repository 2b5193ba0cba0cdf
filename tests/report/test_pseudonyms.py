"""The key of an incident's pseudonyms stays in its folder, and only there a pseudonym can be looked up."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.evidence import audit_log
from dlqkit.evidence.folder import open_incident
from dlqkit.report.pseudonyms import read_key, redact_facts, reveal
from tests.report.example import make_facts
from tests.report.test_facts import facts_of, row


def test_the_key_is_made_once_whoever_asks_and_is_its_owners_alone(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(read_key, [tmp_path] * 40))

    assert len(keys) == 1 and len(keys.pop()) == 32
    assert [path.name for path in tmp_path.iterdir()] == ["redaction.key"]
    assert stat.S_IMODE((tmp_path / "redaction.key").stat().st_mode) == 0o600


def test_a_damaged_key_is_not_replaced_in_silence(tmp_path: Path) -> None:
    """Another key would give equal values other names than the report that is in the ticket."""
    (tmp_path / "redaction.key").write_bytes(b"short")

    with pytest.raises(EvidenceError, match="not whole"):
        read_key(tmp_path)


def test_the_teams_own_fields_are_personal_too(tmp_path: Path) -> None:
    facts = make_facts()
    facts["signatures"][0]["signature"] = "no route for loyalty_card='K-77'"

    assert "K-77" in redact_facts(tmp_path, facts)["signatures"][0]["signature"]
    redacted = redact_facts(tmp_path, facts, ["Loyalty_Card"])
    assert "K-77" not in redacted["signatures"][0]["signature"]
    assert redacted["redacted"]


def test_a_pseudonym_of_the_report_is_told_in_the_folder_and_noted(tmp_path: Path) -> None:
    """Of an error that repeats an address of the internet; another folder with its own key does not know it."""
    rows = [row(n, 120 + n / 2, last_error=f"refused by 93.184.216.{n}") for n in range(3)]
    facts_of(tmp_path, rows)
    folder = open_incident(tmp_path / "incident")
    from dlqkit.report.redaction import Redactor

    name = Redactor(read_key(folder.path)).text("93.184.216.2")

    assert reveal(folder, name, "ann") == "93.184.216.2"
    line = audit_log.read(folder.path)[-1]
    assert (line["action"], line["pseudonym"], line["asked_by"], line["known"]) == (
        "pseudonym revealed", name, "ann", True,
    )  # fmt: skip
    with pytest.raises(ParameterError, match="is called ip-00000000"):
        reveal(folder, "ip-00000000", "ann")
    with pytest.raises(ParameterError, match="no pseudonym"):
        reveal(folder, "../redaction.key", "ann")


def test_where_the_key_is_not_no_new_one_is_made_to_look_for_it(tmp_path: Path) -> None:
    """A copy of the folder without its key: a new key would give the next report other pseudonyms, in silence."""
    facts_of(tmp_path, [row(n, 120 + n / 2, last_error=f"refused by 93.184.216.{n}") for n in range(3)])
    folder = open_incident(tmp_path / "incident")

    with pytest.raises(EvidenceError, match="not in this folder") as caught:
        reveal(folder, "ip-3f9a1c07", "ann")

    assert "Ask where the report was made" in caught.value.next_step
    assert not (folder.path / "redaction.key").exists()
