"""Digests are of exactly the fields that they are to guard, and the tables are those that were made."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing

import pytest

from dlqkit.frames import TIME
from dlqkit.republish import journal_schema
from dlqkit.republish.journal_schema import (
    CHANGING,
    FIXED,
    FORMAT,
    JOURNAL,
    add_digests,
    digest_of,
    digest_of_intent,
    has_own_rules,
    identity_of,
    note_digest,
    plan_digest,
    state_digest,
    statements,
    writable,
)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_digest_is_of_each_field_with_its_length_before_it() -> None:
    """Written down once: a journal of an earlier day must still fit."""
    assert digest_of(["ab", None, 7, ""]) == sha("2;ab-;1;70;")
    assert identity_of("j", ["p", 1]) == sha("1;j1;p1;1")
    assert note_digest("j", [1, "p"]) == sha("1;j4;note1;11;p")
    assert plan_digest("j", ["p", 1]) == sha("1;j4;plan1;p1;1")
    assert digest_of(["a", "b"]) != digest_of(["ab"])


def test_a_state_is_bound_to_its_event_and_to_each_thing_that_is_known() -> None:
    assert state_digest("i", ["acked", "77", "C", "r", 2, 3, 4, None, None]) == sha("i;acked;2;77;C;r;2;3;4;")
    assert state_digest("i", ["planned", None, None, None, None, None, None, None, None]) == sha(
        "i;planned;-;None;None;None;None;None;"
    )
    by_word = ["failed", None, "C", None, None, None, 4, "ann", "why"]
    assert state_digest("i", by_word) == sha(f"i;failed;-;C;None;None;None;4;{sha('3;ann3;why')}")
    assert state_digest("i", [*by_word[:7], "ann", None]) == sha(f"i;failed;-;C;None;None;None;4;{sha('3;ann-;')}")
    assert state_digest("i", [*by_word[:7], None, "why"]) == sha(f"i;failed;-;C;None;None;None;4;{sha('-;3;why')}")


def test_the_digest_of_an_intent_is_that_of_its_state() -> None:
    state = ["intent", None, None, "run-1", 2, 3, None, None, None]

    assert digest_of_intent("run-1", 2, 3)("i") == state_digest("i", state)


def test_the_sum_counts_each_digest_in_and_out_and_has_one_length() -> None:
    one, two = f"{1:064x}", f"{2:064x}"

    assert add_digests("0", new=[one, two]) == f"{3:064x}"
    assert add_digests(f"{3:064x}", new=(), old=[one]) == two
    assert add_digests("0", new=(), old=[one]) == "f" * 64
    assert add_digests("f" * 64, new=[one]) == "0" * 64
    assert add_digests(f"{255:064x}", new=[f"{16:064x}"], old=[f"{17:064x}"]) == f"{254:064x}"


def test_half_a_character_is_spelled_out() -> None:
    assert writable("a\ud800ж") == "a\\ud800ж"


def test_the_columns_of_a_journal_are_those_that_are_documented() -> None:
    assert dict(JOURNAL) == {
        **dict.fromkeys(("plan_id", "event_key", "workflow_id", "trace_id", "address", "dedupe_key", "payload_sha256",
                         "original_sha256", "message_id", "code", "run_id", "resolved_by", "resolution"), "str"),
        "item": "Int64", "step": "Int64", "state": "category", "intent_at": TIME, "settled_at": TIME,
    }  # fmt: skip
    assert (*FIXED, *CHANGING) == tuple(JOURNAL)
    assert FORMAT == 1


def test_whoever_changes_the_tables_must_raise_the_format() -> None:
    """A journal with other rules of the same format counts as damaged: this is the hash of those of format 1."""
    assert sha("".join(statements()))[:16] == RULES_OF_FORMAT_1


RULES_OF_FORMAT_1 = "1930b20d479f967f"


def test_each_statement_stands_alone() -> None:
    assert [one.split("(")[0].split()[:2] for one in statements()] == [
        *[["CREATE", "TABLE"]] * 4, ["--", "An"], ["CREATE", "TABLE"], *[["CREATE", "TRIGGER"]] * 7,
    ]  # fmt: skip


@pytest.mark.parametrize("more", ["", "CREATE TABLE more (one)", "DROP TRIGGER kept",
                                  "CREATE INDEX fast ON notes (kind)",
                                  "ALTER TABLE notes ADD COLUMN more"])  # fmt: skip
def test_a_file_with_other_rules_is_told_from_one_as_it_was_made(more: str) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in (*statements(), more):
            connection.execute(statement)

        assert has_own_rules(connection) == (more == "")


def test_the_rules_are_made_once() -> None:
    assert journal_schema._rules_as_made() is journal_schema._rules_as_made()
