from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dlqkit.errors import ParameterError
from dlqkit.settings import Settings, load_settings


def _write(folder: Path, text: str, name: str = "dlqkit.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    """DLQKIT_EXECUTION_LOGS__PAGE_LIMIT overrides the file's page_limit."""
    config = _write(tmp_path, "[execution_logs]\nurl = 'http://127.0.0.1/a'\npage_limit = 50\n")

    settings = load_settings(config, environ={"DLQKIT_EXECUTION_LOGS__PAGE_LIMIT": "25"})

    assert settings.execution_logs.page_limit == 25
    assert settings.execution_logs.url == "http://127.0.0.1/a"
    assert settings.file == config


def test_reference_in_the_environment_is_toml(tmp_path: Path) -> None:
    """A reference is written in a variable as it is in the file."""
    settings = load_settings(start=tmp_path, environ={"DLQKIT_EXECUTION_LOGS__API_KEY": '{ env = "KEY" }'})

    assert settings.execution_logs.api_key is not None
    assert settings.execution_logs.api_key.env == "KEY"


def test_found_file_may_not_send_a_secret_to_its_own_address(tmp_path: Path) -> None:
    """A stranger's dlqkit.toml in the working directory is refused when it names both a URL and a secret."""
    _write(tmp_path, "[execution_logs]\nurl = 'https://evil.example'\napi_key = { env = 'DLQKIT_API_KEY' }\n")

    with pytest.raises(ParameterError, match="would send a secret"):
        load_settings(start=tmp_path, environ={})


def test_found_file_may_not_send_the_users_secret_to_its_own_address(tmp_path: Path) -> None:
    """A stranger's URL does not get the key that the environment names."""
    _write(tmp_path, "[execution_logs]\nurl = 'https://evil.example'\n")

    with pytest.raises(ParameterError, match="would receive a secret"):
        load_settings(start=tmp_path, environ={"DLQKIT_EXECUTION_LOGS__API_KEY": '{ env = "KEY" }'})


def test_found_file_may_not_run_a_command(tmp_path: Path) -> None:
    """A command reference counts only from a file that was named, or the user's own."""
    text = "[execution_logs]\napi_key = { command = ['id'] }\n"
    config = _write(tmp_path, text)

    with pytest.raises(ParameterError, match="command reference"):
        load_settings(start=tmp_path, environ={})
    assert load_settings(config, environ={}).execution_logs.api_key is not None


def test_file_inside_an_incident_folder_is_ignored_and_said(tmp_path: Path) -> None:
    """An incident folder may come from anybody, so its dlqkit.toml is not read."""
    _write(tmp_path, "[incident]\n", "incident.toml")
    _write(tmp_path, "[execution_logs]\npage_limit = 7\n")

    settings = load_settings(start=tmp_path, environ={})

    assert settings.execution_logs.page_limit == 100
    assert "inside an incident folder" in settings.ignored[0]


def test_profile_overrides_and_an_unknown_one_is_named(tmp_path: Path) -> None:
    """[profiles.staging] replaces what it names; a wrong name lists the right ones."""
    config = _write(tmp_path, "[worker]\nmax_attempts = 5\n[profiles.staging.worker]\nmax_attempts = 3\n")

    assert load_settings(config, profile="staging", environ={}).max_attempts("any") == 3
    with pytest.raises(ParameterError) as caught:
        load_settings(config, profile="prod", environ={})
    assert "staging" in caught.value.next_step


def test_workflow_overrides_the_worker(tmp_path: Path) -> None:
    """A workflow's own timeout counts before the worker's."""
    config = _write(
        tmp_path,
        "[worker]\naction_timeout_ms = 30000\n[workflows.abc]\nname = 'orders'\naction_timeout_ms = 120000\n",
    )

    settings = load_settings(config, environ={})

    assert settings.action_timeout_ms("abc") == 120_000
    assert settings.action_timeout_ms("other") == 30_000
    assert settings.workflow_name("abc") == "orders"


@pytest.mark.parametrize("text", ["not toml", "[execution_logs]\nuknown = 1\n", "[execution_logs]\npage_limit = 0\n"])
def test_file_that_cannot_be_used_is_refused(tmp_path: Path, text: str) -> None:
    """A typing mistake in the settings is an error with the file's name, not silence."""
    config = _write(tmp_path, text)

    with pytest.raises(ParameterError) as caught:
        load_settings(config, environ={})
    assert "dlqkit.toml" in str(caught.value)


def test_the_republish_table_is_read_and_its_numbers_are_checked(tmp_path: Path) -> None:
    """Steps grow, rates are positive, durations are durations, an envelope has a place for the payload."""
    config = _write(
        tmp_path,
        "[republish]\nallowed_topics = ['projects/p/topics/o']\nmax_rate = 2\nschema = 's.json'\n"
        "dedupe_attribute = false\n[workflows.w]\nmax_age = '24h'\nenvelope = '{\"p\": {payload}}'\n",
    )

    republish = load_settings(config, environ={}).republish

    assert (republish.max_rate, republish.schema_file, republish.dedupe_name) == (2.0, Path("s.json"), None)
    assert load_settings(config, environ={"DLQKIT_REPUBLISH__DEDUPE_ATTRIBUTE": "id"}).republish.dedupe_name == "id"
    assert load_settings(config, environ={"DLQKIT_REPUBLISH__DEDUPE_ATTRIBUTE": "false"}).republish.dedupe_name is None
    for wrong in ("[republish]\nmax_rate = 0", "[republish]\nsteps = [5, 1]", "[republish]\nsteps = []",
                  "[republish]\nmax_replays = 0", "[republish]\nregistry = 'team'", "[workflows.w]\nmax_age = 'long'",
                  "[workflows.w]\nenvelope = '{}'", "[workflows.w]\nsuperseded = 'maybe'"):  # fmt: skip
        with pytest.raises(ParameterError, match="not usable"):
            load_settings(_write(tmp_path, wrong), environ={})


@pytest.mark.parametrize(
    "text",
    [
        "[republish.http]\nurl = 'https://evil.example'\nbearer = { env = 'TOKEN' }\n",
        "[profiles.p.republish.http]\nurl = 'https://evil.example'\nbearer = { env = 'TOKEN' }\n",
        "[republish]\nendpoint = 'evil.example:443'\n",
        "[republish.http]\nurl = 'http://127.0.0.1/'\nbearer = { command = ['sh', '-c', 'x'] }\n",
    ],
)
def test_found_file_may_not_say_where_a_republish_sends_a_secret(tmp_path: Path, text: str) -> None:
    """A stranger's file could have the token of the endpoint, or the machine's own, sent to its owner."""
    _write(tmp_path, text)

    with pytest.raises(ParameterError, match="found, not named"):
        load_settings(start=tmp_path, environ={})

    assert load_settings(_write(tmp_path, text, "named.toml"), environ={}).file is not None


def test_found_file_may_not_receive_the_bearer_of_the_environment(tmp_path: Path) -> None:
    """The token is the user's own; the address is the stranger's."""
    _write(tmp_path, "[republish.http]\nurl = 'https://evil.example'\n")

    with pytest.raises(ParameterError, match=r"republish\.http address would receive"):
        load_settings(start=tmp_path, environ={"DLQKIT_REPUBLISH__HTTP__BEARER": '{ env = "TOKEN" }'})


def test_a_found_file_cannot_send_google_credentials_to_its_own_endpoint(tmp_path: Path) -> None:
    """Google's client finds credentials by itself, so no secret need be named for them to go there."""
    text = '[dead_letter_subscription]\nname = "projects/p/subscriptions/s"\nendpoint = "stranger.example:443"\n'
    (tmp_path / "dlqkit.toml").write_text(text)

    with pytest.raises(ParameterError, match=r"dead_letter_subscription\.endpoint"):
        load_settings(start=tmp_path, environ={})
    assert load_settings(tmp_path / "dlqkit.toml", environ={}).dead_letter_subscription.endpoint is not None


def test_the_subscriptions_of_a_question_are_the_workflows_own_or_else_the_common_ones() -> None:
    own, common = "projects/p/subscriptions/own", ("projects/p/subscriptions/a", "projects/p/subscriptions/b")
    settings = Settings.model_validate(
        {"dead_letter_subscription": {"name": common}, "workflows": {"wf": {"dead_letter_subscription": own}}}
    )

    assert settings.dead_letter_subscriptions("wf") == {own: "wf"}
    assert settings.dead_letter_subscriptions("other") == dict.fromkeys(common)
    assert settings.dead_letter_subscriptions(None) == {**dict.fromkeys(common), own: "wf"}


def test_a_list_of_subscriptions_can_stand_in_the_environment() -> None:
    names = ["projects/p/subscriptions/a", "projects/p/subscriptions/b"]
    settings = load_settings(environ={"DLQKIT_DEAD_LETTER_SUBSCRIPTION__NAME": json.dumps(names)}, start=Path("/"))

    assert list(settings.dead_letter_subscriptions(None)) == names


def test_a_language_without_a_catalog_is_refused_with_those_there_are(tmp_path: Path) -> None:
    config = _write(tmp_path, "[report]\nlanguage = 'ru'\n")

    assert load_settings(config, environ={}).report.language == "ru"
    assert Settings().report.language == "en"
    with pytest.raises(ParameterError, match="no language 'xx'; choose of en, ru"):
        load_settings(config, environ={"DLQKIT_REPORT__LANGUAGE": "xx"})


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("[prometheus]\nur = 'http://127.0.0.1'", "Did you mean url? Mend it in "),
        ("[promtheus]\nurl = 'http://127.0.0.1'", "Did you mean prometheus? Mend it in "),
        ("[republish]\nschema_file = 'a'", "Did you mean schema? Mend it in "),
        ("[workflows.w]\ntopik = 'a'", "Did you mean topic? Mend it in "),
        ("[republish.http]\nurl = 'http://127.0.0.1'\nbearr = 'a'", "Did you mean bearer? Mend it in "),
        ("[worker]\nzzzz = 1", "Mend it in "),
    ],
)
def test_a_misspelt_key_is_told_the_one_that_was_meant(tmp_path: Path, text: str, meant: str) -> None:
    with pytest.raises(ParameterError, match="there is no such key") as refused:
        load_settings(_write(tmp_path, text), environ={})

    assert refused.value.next_step.startswith(meant)


def test_the_variable_that_does_not_fit_is_named(tmp_path: Path) -> None:
    """Not the file, which says nothing of it."""
    config = _write(tmp_path, "[prometheus]\nurl = 'http://127.0.0.1/a'\n")
    for variable in ("DLQKIT_PROMETHEUS__UR", "DLQKIT_EXECUTION_LOGS__PAGE_LIMIT"):
        with pytest.raises(ParameterError) as refused:
            load_settings(config, environ={variable: "x"})

        assert refused.value.next_step.endswith(f"Mend {variable}.")


def test_a_settings_file_that_nobody_can_have_written_is_not_read(tmp_path: Path) -> None:
    """A file of holes has any size, and takes no disk."""
    path = tmp_path / "dlqkit.toml"
    path.touch()
    os.truncate(path, 64 << 20)

    with pytest.raises(ParameterError, match="longer than anybody writes"):
        load_settings(path, environ={})


def test_a_settings_file_that_is_none_is_told_without_the_systems_number(tmp_path: Path) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"a = '\xff'")

    with pytest.raises(ParameterError, match=r"cannot be read: Is a directory\.\nNext: Check the path"):
        load_settings(tmp_path, environ={})
    with pytest.raises(ParameterError, match=r"cannot be read: it is not UTF-8 text\.\nNext: Check the path"):
        load_settings(tmp_path / "bytes.toml", environ={})
