"""What is kept of sent events is whole, found again by each of them, and as open as the team's folder."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dlqkit.errors import PlanError, StorageError
from dlqkit.republish import sent_files
from dlqkit.republish.frozen import canonical_json
from dlqkit.republish.registry import Registry, find_registry
from dlqkit.republish.sent_files import Send, find_sends, keep_sends


def send(number: int, **more: Any) -> Send:
    """A send of the event of this number."""
    values = {"event_key": f"e{number}", "plan_id": "plan-001", "folder": "one", "host": "h", "workflow_id": "wf",
              "trace_id": f"t{number}", "address": "a", "dedupe_key": f"d{number}", "payload_sha256": f"p{number}",
              "record_id": f"r{number}", "dead_at": None, "sent_at": "2026-03-02T12:00:00+00:00"}  # fmt: skip
    return Send(**{**values, **more})


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    (tmp_path / "team").mkdir()
    return find_registry(tmp_path / "one", tmp_path / "team")


def files_of(registry: Registry) -> list[Path]:
    return sorted((registry.place / "sent").rglob("*.json"))


def test_thousands_of_sent_events_are_kept_in_a_few_files(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of its own for each would keep whoever proves or cancels waiting for minutes; twice adds nothing."""
    monkeypatch.setattr(sent_files, "_PER_FILE", 2)
    sends = [send(number) for number in range(5)]

    keep_sends(registry, sends)

    before = [path.stat().st_ino for path in files_of(registry)]
    assert (len(before), len(set(before))) == (15, 3)
    assert list((registry.place / "tmp").iterdir()) == []
    keep_sends(registry, sends)
    assert [path.stat().st_ino for path in files_of(registry)] == before
    assert find_sends(registry, ["e3", "e9"]) == {"e3": (sends[3],)}


def test_two_who_keep_sends_of_the_same_event_at_once_both_find_them(registry: Registry) -> None:
    """Neither overwrites the other's."""
    sends = [send(1, dedupe_key=f"d{number}") for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: keep_sends(registry, [one]), sends))

    assert {one.dedupe_key for one in find_sends(registry, ["e1"])["e1"]} == {one.dedupe_key for one in sends}


def test_what_could_not_all_be_kept_is_said_and_kept_the_next_time(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The events are let go of only after that."""
    link, left = os.link, iter(range(3))

    def failing(*values: Any) -> None:
        if next(left, None) is None:
            raise OSError(28, "No space left on device")
        link(*values)

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", failing)
        with pytest.raises(StorageError, match="disk is full"):
            keep_sends(registry, [send(1), send(2)])
    keep_sends(registry, [send(1), send(2)])

    assert set(find_sends(registry, ["e1", "e2"])) == {"e1", "e2"}


def test_a_file_that_lacks_the_event_whose_name_it_has_is_not_read_as_never_sent(registry: Registry) -> None:
    """Somebody has mended it by hand, and too much."""
    keep_sends(registry, [send(1)])
    for path in files_of(registry):
        path.write_text(canonical_json([]))

    with pytest.raises(PlanError, match="cannot be read"):
        find_sends(registry, ["e1"])


def test_events_without_a_trace_are_not_found_by_a_text_that_others_have_too(registry: Registry) -> None:
    """Nothing but the text would say that it is the same event."""
    keep_sends(registry, [send(1, trace_id=None, record_id=None)])

    assert len(files_of(registry)) == 1


def test_the_team_can_read_what_is_kept(registry: Registry) -> None:
    """As open as the folder that they share."""
    registry.place.chmod(0o770)

    keep_sends(registry, [send(1)])

    assert {path.stat().st_mode & 0o777 for path in files_of(registry)} == {0o660}
    assert {path.stat().st_mode & 0o777 for path in registry.place.rglob("*") if path.is_dir()} == {0o770}
