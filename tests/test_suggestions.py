"""The name that somebody meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlqkit.suggestions import did_you_mean, find_incident_folders, nearest, suggest_folder

NAMES = ("infrastructure", "business", "timeout", "mixed")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("infra", ("infrastructure",)),
        ("Timeout", ("timeout",)),
        ("tiemout", ("timeout",)),
        ("busines", ("business",)),
        ("xyz", ()),
        ("", ()),
    ],
)
def test_the_beginning_of_a_name_and_a_slip_of_a_finger_are_understood(typed: str, meant: tuple[str, ...]) -> None:
    assert nearest(typed, NAMES) == meant


def test_what_is_near_is_a_question_and_what_there_is_stands_behind_it() -> None:
    assert did_you_mean("tiemout", NAMES, "Choose of four.") == "Did you mean timeout? Choose of four."
    assert did_you_mean("xyz", NAMES, "Choose of four.") == "Choose of four."


def incident(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "incident.toml").touch()
    return path


def test_incident_folders_are_found_as_deep_as_asked_and_no_deeper(tmp_path: Path) -> None:
    """What lies inside an incident folder is its own."""
    orders = incident(tmp_path / "orders")
    incident(orders / "copy")
    old = incident(tmp_path / "2025" / "billing")
    (tmp_path / ".trash").mkdir()
    incident(tmp_path / ".trash" / "gone")

    assert find_incident_folders(tmp_path) == [orders]
    assert find_incident_folders(tmp_path, 2) == [old, orders]
    assert find_incident_folders(tmp_path / "nowhere") == []


def test_a_misspelt_incident_folder_is_found_beside_it_and_below_incidents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "c", "d"):
        incident(tmp_path / "incidents" / f"2026-11-23-orders-{name}")

    assert suggest_folder(Path("incidents/2026-11-23-order-a")).startswith(
        "Did you mean incidents/2026-11-23-orders-a or "
    )
    assert suggest_folder(Path("2026-11-23-orders-d")).startswith("Did you mean incidents/2026-11-23-orders-d")
    assert suggest_folder(Path("nothing-like-it")) == ""
    assert suggest_folder(Path("incidents")) == (
        "It holds incident folders, name one: incidents/2026-11-23-orders-a, incidents/2026-11-23-orders-b, "
        "incidents/2026-11-23-orders-c and 1 more"
    )
