from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from dlqkit.errors import ParameterError
from dlqkit.settings import SecretReference
from dlqkit.setup.keys import find_keys, is_expected, read_reference, reference_table, reference_text

SECRET = "s3cret-of-the-tests"


def found(source: str, monkeypatch: pytest.MonkeyPatch, names: list[str], folders: tuple[Path, ...] = ()) -> list[str]:
    for name in names:
        monkeypatch.setenv(name, SECRET)
    return [reference_text(one) for one in find_keys(source, dict.fromkeys(names, SECRET), folders=folders)]


def test_variables_are_found_by_name_the_expected_one_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another source's key, a setting of dlqkit's and what is no key at all are left alone."""
    names = [
        "WORKER_API_KEY",
        "DLQKIT_API_KEY",
        "PROMETHEUS_TOKEN",
        "DLQKIT_EXECUTION_LOGS__API_KEY",
        "DLQ_TOPIC",
        "PATH",
    ]

    assert found("execution_logs", monkeypatch, names) == ["env:DLQKIT_API_KEY", "env:WORKER_API_KEY"]
    assert found("prometheus", monkeypatch, names) == ["env:PROMETHEUS_TOKEN"]


def test_a_variable_that_holds_nothing_usable_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLQKIT_API_KEY", "two\nlines")

    assert find_keys("execution_logs", {"DLQKIT_API_KEY": "two\nlines", "API_KEY": " "}, folders=()) == ()


def test_files_in_the_configuration_folder_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty one is none."""
    (tmp_path / "api-key").write_text(SECRET)
    (tmp_path / "prometheus-token").write_text("")

    assert found("execution_logs", monkeypatch, [], (tmp_path,)) == [f"file:{tmp_path / 'api-key'}"]
    assert found("prometheus", monkeypatch, [], (tmp_path, tmp_path / "missing")) == []


def test_a_keyring_is_asked_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry has the source's name."""
    import importlib.machinery

    module = types.ModuleType("keyring")
    module.__spec__ = importlib.machinery.ModuleSpec("keyring", None)
    module.get_password = lambda service, name: SECRET if (service, name) == ("dlqkit", "execution-logs") else None  # type: ignore[attr-defined]
    errors = types.ModuleType("keyring.errors")
    errors.KeyringError = RuntimeError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", module)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)

    assert found("execution_logs", monkeypatch, []) == ["keyring:execution-logs"]
    assert found("prometheus", monkeypatch, []) == []


def test_only_a_name_that_speaks_of_the_source_goes_without_asking() -> None:
    assert is_expected("execution_logs", SecretReference(env="DLQKIT_API_KEY"))
    assert not is_expected("execution_logs", SecretReference(env="WORKER_API_KEY"))
    assert not is_expected("execution_logs", SecretReference(env="PROMETHEUS_TOKEN"))
    assert is_expected("prometheus", SecretReference(file=Path("/run/secrets/prometheus-token")))


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("env:NAME", {"env": "NAME"}),
        ("file:/run/secrets/key", {"file": "/run/secrets/key"}),
        ("keyring:execution-logs", {"keyring": "execution-logs"}),
        ("command:pass show 'dlq key'", {"command": ["pass", "show", "dlq key"]}),
    ],
)
def test_a_reference_is_read_as_it_is_written(text: str, table: dict[str, object]) -> None:
    reference = read_reference(text)

    assert reference_table(reference) == table
    assert reference_text(reference) == text


@pytest.mark.parametrize(
    "text",
    [SECRET, f"Bearer {SECRET}", f"env:{SECRET}=x", "env:", "file:relative/key", 'command:pass "show', "http://x"],
)
def test_what_is_no_reference_is_refused_and_never_shown(text: str) -> None:
    """It may be the key itself, pasted by mistake."""
    with pytest.raises(ParameterError) as raised:
        read_reference(text)

    assert SECRET not in str(raised.value)
    assert raised.value.next_step
