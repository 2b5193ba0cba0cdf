from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlqkit.errors import ParameterError, StorageError
from dlqkit.settings import Settings, load_settings
from dlqkit.setup.draft import Draft, write_draft
from dlqkit.setup.settings_text import write_profile, write_settings

DAY = date(2026, 3, 2)
FULL = (
    Draft()
    .set("execution_logs", "url", "https://api.host/execution-logs")
    .set("execution_logs", "api_key", {"env": "DLQKIT_API_KEY"})
    .set("execution_logs", "fields", {"recorded_at": "made at"})
    .set("execution_logs", "timezone", "Europe/Berlin")
    .set("prometheus", "url", "https://prometheus.host")
    .set("prometheus", "auth", {"basic": {"user": "anna", "password": {"command": ["pass", 'a "b"']}}})
    .set("prometheus", "metrics", {"dlq": "my_dlq_total"})
    .set("worker", "metrics_urls", ["http://w1:8000/metrics", "http://w2:8000/metrics"])
    .set("worker", "max_attempts", 5)
    .set("worker", "action_timeout_ms", 30000.0)
)


def test_what_is_written_loads_again_as_what_was_given(tmp_path: Path) -> None:
    path = tmp_path / "new" / "dlqkit.toml"

    assert write_draft(FULL, path) is None

    settings = load_settings(path, environ={})
    assert settings.model_dump(exclude={"file"}) == Settings.model_validate(FULL.values).model_dump(exclude={"file"})
    assert settings.execution_logs.fields == {"recorded_at": "made at"}
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_settings_out_of_force_are_explained_and_each_example_would_load(tmp_path: Path) -> None:
    """Whoever takes the “# ” away before an example has a file that loads."""
    text = write_settings({}, day=DAY, found={"execution_logs.pagination": "cursor"})
    lines = text.splitlines()
    lines = lines[
        : next(place for place, line in enumerate(lines) if "profiles" in line.lower() or "elsewhere" in line)
    ]
    in_force = [line.removeprefix("# ") if " = " in line and line.startswith("# ") and '"# ' not in line else line
                for line in lines]  # fmt: skip
    path = tmp_path / "dlqkit.toml"
    path.write_text("\n".join(in_force))

    settings = load_settings(path, environ={})

    assert tomllib.loads(text) == {"execution_logs": {}, "prometheus": {}, "worker": {}}
    assert "auto finds it out. Found: cursor." in text
    assert settings.execution_logs.page_limit == 100
    assert settings.prometheus.metrics == {"dlq": "worker_dlq_total"}
    assert settings.worker.max_attempts == 5


@given(st.text(), st.text(min_size=1))
def test_any_text_is_the_same_after_reading_and_cannot_leave_its_line(value: str, name: str) -> None:
    """Addresses, names of fields and words on what was found are foreign: quotes, line ends, control characters."""
    safe = value.encode("utf-8", "replace").decode()
    key = name.encode("utf-8", "replace").decode()

    text = write_settings(
        {"execution_logs": {"url": value, "fields": {"recorded_at": value}}, "worker": {"metrics_urls": [value]}},
        day=DAY, found={"execution_logs.pagination": value},
    )  # fmt: skip
    both = tomllib.loads(write_profile(text, key, {"execution_logs": {"url": value}}))

    assert both["execution_logs"] == {"url": safe, "fields": {"recorded_at": safe}}
    assert both["worker"] == {"metrics_urls": [safe]}
    assert both["profiles"] == {key: {"execution_logs": {"url": safe}}}


BEFORE = '# my own words\n[execution_logs]\nurl = "https://api.host/logs"   # kept\n'


def test_a_profile_is_added_and_every_letter_before_it_stays(tmp_path: Path) -> None:
    path = tmp_path / "dlqkit.toml"
    path.write_text(BEFORE)
    draft = Draft(profile="staging", before=BEFORE).set("execution_logs", "url", "https://staging.host/logs")

    assert write_draft(draft, path) is None

    assert path.read_text().startswith(BEFORE)
    assert load_settings(path, environ={}).execution_logs.url == "https://api.host/logs"
    assert load_settings(path, profile="staging", environ={}).execution_logs.url == "https://staging.host/logs"


def test_a_profile_that_is_there_is_not_written_twice() -> None:
    with pytest.raises(ParameterError, match="have a profile 'staging'"):
        write_profile("[profiles.staging.worker]\nmax_attempts = 3\n", "staging", {"worker": {"max_attempts": 5}})


def test_profiles_in_one_line_cannot_be_added_to() -> None:
    """TOML closes an inline table for good."""
    with pytest.raises(ParameterError, match="cannot be added"):
        write_profile("profiles = { a = {} }\n", "staging", {"worker": {"max_attempts": 5}})


def test_an_old_file_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "dlqkit.toml"
    path.write_text(BEFORE)

    kept = write_draft(FULL, path)

    assert kept is not None
    assert kept.read_text() == BEFORE
    assert load_settings(path, environ={}).worker.max_attempts == 5


def test_a_link_to_a_file_elsewhere_stays_a_link(tmp_path: Path) -> None:
    """Settings may lie in a repository of the analyst's own."""
    own, path = tmp_path / "repository" / "dlqkit.toml", tmp_path / "dlqkit.toml"
    own.parent.mkdir()
    own.write_text(BEFORE)
    path.symlink_to(own)

    write_draft(Draft(profile="staging", before=BEFORE).set("worker", "max_attempts", 3), path)

    assert path.is_symlink()
    assert load_settings(own, profile="staging", environ={}).worker.max_attempts == 3


def test_what_would_not_load_is_not_written(tmp_path: Path) -> None:
    """A value that does not fit leaves the old file as it is, and the message names no passing file."""
    path = tmp_path / "dlqkit.toml"
    path.write_text(BEFORE)

    with pytest.raises(ParameterError, match="max_attempts") as raised:
        write_draft(FULL.set("worker", "max_attempts", 0), path)

    assert path.read_text() == BEFORE
    assert "/tmp" not in str(raised.value)
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError):
        write_draft(FULL, tmp_path / "file" / "dlqkit.toml")
