"""``dlqkit init`` and ``dlqkit doctor`` as they are called: against the simulator, and against servers that fail."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dlqkit.cli.main import main
from dlqkit.settings import load_settings, user_settings_file
from dlqkit.simulator.platform import Platform
from dlqkit.simulator.server import Server
from tests.real import free_port
from tests.setup.servers import KEY, SECRET_OF_A_CLIENT, api, records, serve

Run = Callable[..., tuple[int, str, str]]


class _Terminal(io.StringIO):
    """What an analyst types, line by line."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty folder; with ``typed`` somebody is at the terminal."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, typed: str | None = None) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dlqkit", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO() if typed is None else _Terminal(typed))
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


@pytest.fixture(scope="module")
def simulated() -> Iterator[Server]:
    """Seed 1: a cursor, times in milliseconds, no ids of records."""
    server = Server(Platform(seed=1, scenario="infrastructure", events=5000))
    server.start()
    yield server
    server.stop()


def lines_with(out: str, state: str) -> list[str]:
    """The checks of a state; of each its first line."""
    return [line for line in out.splitlines() if line.startswith(f"  {state} ")]


def test_init_tries_the_simulator_and_writes_what_every_command_can_use(
    run: Run, simulated: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --yes nothing is asked; doctor and signals then work without a single variable but the key."""
    monkeypatch.setenv("DLQKIT_API_KEY", simulated.api_key)
    described = simulated.describe()

    code, out, _ = run(
        "init", "--yes", "--execution-logs-url", described["execution_logs_url"],
        "--prometheus-url", described["prometheus_url"], "--metrics-url", described["metrics_urls"][0],
    )  # fmt: skip

    path = user_settings_file()
    settings = load_settings(environ={})
    assert code == 0, out
    assert not lines_with(out, "FAILS")
    assert all(len(line) <= 80 for line in out.splitlines() if str(path) not in line)
    assert settings.file == path
    assert path.stat().st_mode & 0o777 == 0o600
    assert settings.execution_logs.url == described["execution_logs_url"]
    assert settings.execution_logs.api_key is not None
    assert settings.execution_logs.api_key.env == "DLQKIT_API_KEY"
    assert simulated.api_key not in path.read_text() + out
    assert "Found: cursor." in path.read_text()
    assert out.splitlines()[-1] == "Next:  dlqkit signals"

    code, out, _ = run("doctor")
    assert code == 0
    assert "Everything that was asked works." in out
    code, out, _ = run("signals", "--since", "2h", "--json")
    assert code == 0
    assert json.loads(out)["coverage"]


def test_json_holds_names_and_no_value_of_a_record(run: Run) -> None:
    """For scripts: what was seen, which settings are proposed, and where it was written."""
    with serve(api(records(150))) as (url, _):
        code, out, _ = run("init", "--yes", "--json", "--execution-logs-url", f"{url}/execution-logs")

    told = json.loads(out)
    (source,) = told["sources"]
    assert code == 0
    assert (source["works"], source["seen"]["pagination"]) == (True, "offset")
    assert source["seen"]["columns"]["recorded_at"] == "created_at"
    assert told["file"] == str(user_settings_file())
    assert SECRET_OF_A_CLIENT not in out


def test_what_was_typed_at_the_terminal_is_tried_and_written(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A typing mistake in the address, a key by its variable, the zone of the times, and what the worker does."""
    monkeypatch.setenv("MY_SECRET", KEY)
    rows = records(150, lambda moment: (moment + timedelta(hours=3)).strftime("%Y-%m-%d %H:%M:%S"))
    with serve(api(rows), key=KEY) as (url, asked):
        typed = ["no-address", f"{url}/execution-logs", KEY, "env:NOT_SET", "env:MY_SECRET", "Mars/Base",
                 "Europe/Moscow", "", "", "five", "5", "30000", "y"]  # fmt: skip
        code, out, err = run("init", typed="\n".join(typed) + "\n")

    settings = load_settings(environ={})
    assert code == 0, err
    assert "needs http:// or https://" in err
    assert "That does not say where a key is." in err
    assert "There is no key: it is not set" in err
    assert "Mars/Base" in err
    assert "no whole number above zero" in err
    assert "[Etc/GMT-3]" in err
    assert settings.execution_logs.timezone == "Europe/Moscow"
    assert settings.execution_logs.api_key is not None
    assert settings.execution_logs.api_key.env == "MY_SECRET"
    assert (settings.worker.max_attempts, settings.worker.action_timeout_ms) == (5, 30000)
    assert asked.headers[0].get("X-API-Key") is None
    assert KEY not in user_settings_file().read_text() + out + err
    # Twice it did not work yet, without the key and without the zone; what is shown last is what was written.
    assert len(lines_with(out, "FAILS")) == 2
    assert out.rindex("Times have no zone and are read as Europe/Moscow") > out.rindex("FAILS")


def test_a_key_is_sent_to_nobody_without_a_word(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The analyst says no: the address is asked without it."""
    monkeypatch.setenv("DLQKIT_API_KEY", KEY)
    with serve(api(records(30))) as (url, asked):
        typed = [f"{url}/execution-logs", "n", "", "", "", "", "y"]
        code, _, err = run("init", typed="\n".join(typed) + "\n")

    assert code == 0, err
    assert f"There is a key in env:DLQKIT_API_KEY. Send it to {url}/execution-logs?" in err
    assert all("X-API-Key" not in headers for headers in asked.headers)
    assert load_settings(environ={}).execution_logs.api_key is None


def test_a_key_that_may_be_anothers_is_not_sent_with_yes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """API_KEY may be of any service; the source is left refused, and the file written for later."""
    monkeypatch.setenv("API_KEY", KEY)
    with serve(api(records(30)), key=KEY) as (url, asked):
        code, out, _ = run("init", "--yes", "--execution-logs-url", f"{url}/execution-logs")

    assert code == 3
    assert all("X-API-Key" not in headers for headers in asked.headers)
    assert "refuses access (401)" in " ".join(out.split())
    assert out.splitlines()[-1] == "Next:  dlqkit doctor"
    assert load_settings(environ={}).execution_logs.url == f"{url}/execution-logs"


def test_another_name_of_a_field_and_of_a_metric_is_asked_for(run: Run) -> None:
    """The fields and metrics that are there are named; what is answered is tried at once."""
    rows = [{("when_it_was" if name == "created_at" else name): value for name, value in row.items()}
            for row in records(150)]  # fmt: skip
    metrics = [f"jobs_{name}" for name in ("dlq_total", "success_total", "failure_total", "duration_seconds")]

    def answer(path: str, query: dict[str, str]) -> tuple[int, Any]:
        if path.startswith("/execution-logs"):
            return api(rows)(path, query)
        return prometheus(path, query)

    def prometheus(path: str, query: dict[str, str]) -> tuple[int, Any]:
        if path.endswith("/label/__name__/values"):
            return 200, {"status": "success", "data": metrics}
        if path.endswith("/query"):
            found = [{"metric": {"__name__": name, "workflow_id": "wf"}, "value": [1, "2"]}
                     for name in metrics if name in query["query"]]  # fmt: skip
            return 200, {"status": "success", "data": {"resultType": "vector", "result": found}}
        if path.endswith("/query_range"):
            return 200, {"status": "success", "data": {"resultType": "matrix", "result": []}}
        return 404, {}

    with serve(answer) as (url, _):
        typed = [f"{url}/execution-logs", "when_it_was", url, "y", "y", "y", "y", "", "", "", "y"]
        code, out, err = run("init", typed="\n".join(typed) + "\n")

    settings = load_settings(environ={})
    assert code == 0, out
    assert "Which field is recorded_at? (when_it_was; empty: none)" in err
    assert settings.execution_logs.fields == {"recorded_at": "when_it_was"}
    assert settings.prometheus.metrics["duration"] == "jobs_duration_seconds"
    assert len(settings.prometheus.metrics) == 4


def test_a_file_that_is_there_stays_unless_somebody_says_so(run: Run) -> None:
    """With --yes too; --replace keeps the old one beside it."""
    path = user_settings_file()
    path.parent.mkdir(parents=True)
    path.write_text("# mine\n")
    with serve(api(records(30))) as (url, asked):
        options = ("init", "--execution-logs-url", f"{url}/execution-logs")
        refused = run(*options, "--yes")
        declined = run(*options, typed="n\n")
        count = len(asked.paths)
        replaced = run(*options, "--yes", "--replace")

    assert (refused[0], declined[0], count) == (2, 2, 0)
    assert "--replace" in refused[2]
    assert replaced[0] == 0
    kept = [one for one in path.parent.iterdir() if one != path]
    assert [one.read_text() for one in kept] == ["# mine\n"]
    assert str(kept[0]) in replaced[1]


def test_nothing_is_written_where_the_terminal_is_closed(run: Run) -> None:
    """As by Ctrl-D or Ctrl-C at any question."""
    with serve(api(records(30))) as (url, _):
        code, _, _ = run("init", typed=f"{url}/execution-logs\n\n")

    assert code == 130
    assert not user_settings_file().exists()


def test_a_workers_page_that_was_mistyped_is_asked_for_again(run: Run) -> None:
    """What was answered before is not lost; a page of a worker that has just started is no fault."""
    page = b"# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1\n"
    with serve(lambda path, query: (200, page)) as (url, _):
        typed = ["", "", "w1:8000/metrics", f"{url}/metrics", "", "", "y"]
        code, out, err = run("init", typed="\n".join(typed) + "\n")

    assert code == 0, out
    assert "worker.metrics_urls is not an address" in err
    assert load_settings(environ={}).worker.metrics_urls == (f"{url}/metrics",)
    assert "it may come with the first event" in " ".join(out.split())


def test_nothing_is_written_where_the_last_question_is_answered_with_no(run: Run) -> None:
    with serve(api(records(30))) as (url, _):
        code, _, err = run("init", typed=f"{url}/execution-logs\n\n\n\n\nn\n")

    assert code == 130
    assert "Nothing was written." in err
    assert not user_settings_file().exists()


def test_a_profile_is_added_to_the_file_and_gets_no_key_of_the_others(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file's key would go to the profile's address unless it has one of its own; the next command names both."""
    monkeypatch.setenv("PRODUCTION_KEY", "of-production")
    monkeypatch.setenv("STAGING_KEY", KEY)
    before = '[execution_logs]\nurl = "https://api.host/logs"\napi_key = { env = "PRODUCTION_KEY" }\n'
    path = tmp_path / "team.toml"
    path.write_text(before)
    with serve(api(records(30)), key=KEY) as (url, asked):
        options = ("--config", "team.toml", "--profile", "staging", "init", "--yes", "--execution-logs-url",
                   f"{url}/execution-logs")  # fmt: skip
        refused = run(*options)
        assert asked.paths == []
        done = run(*options, "--execution-logs-key", "env:STAGING_KEY")

    assert refused[0] == 2
    assert "this profile's address would receive" in " ".join(refused[2].split())
    assert done[0] == 0, done
    assert path.read_text().startswith(before)
    assert load_settings(path, profile="staging", environ={}).execution_logs.url == f"{url}/execution-logs"
    assert done[1].splitlines()[-1] == "Next:  dlqkit --config team.toml --profile staging signals"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nobody is at the terminal"),
        (("--yes",), "No address was given"),
        (("--yes", "--execution-logs-url", "api.host/logs"), "needs http:// or https://"),
        (("--yes", "--execution-logs-url", "https://anna:s3cret@api.host/logs"), "holds a user or a password"),
        (("--yes", "--execution-logs-key", "s3cret"), "does not say where a key is"),
        (("--yes", "--field", "when"), "is no pair"),
        (("--yes", "--field", "when=created"), "is not known"),
        (("--yes", "--metric", "deaths=dead_total"), "is not known"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_written(
    run: Run, arguments: tuple[str, ...], said: str
) -> None:
    code, out, err = run("init", *arguments)

    assert code == 2
    assert said in " ".join(err.split())
    assert "Next: " in err
    assert "s3cret" not in out + err
    assert not user_settings_file().exists()


def test_on_a_terminal_a_profile_is_asked_for_a_key_of_its_own(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAGING_SECRET", KEY)
    path = tmp_path / "team.toml"
    path.write_text('[execution_logs]\nurl = "https://api.host/logs"\napi_key = { env = "PRODUCTION_KEY" }\n')
    with serve(api(records(30)), key=KEY) as (url, asked):
        typed = [f"{url}/execution-logs", "env:STAGING_SECRET", "", "", "", "", "y"]
        code, _, err = run("--config", "team.toml", "--profile", "staging", "init", typed="\n".join(typed) + "\n")

    key = load_settings(path, profile="staging", environ={}).execution_logs.api_key
    assert code == 0, err
    assert "the profile needs one of its own" in err
    assert key is not None
    assert key.env == "STAGING_SECRET"
    assert asked.headers[0]["X-API-Key"] == KEY


def test_secret_headers_of_the_file_go_to_no_profiles_address(run: Run, tmp_path: Path) -> None:
    """A profile cannot take them out, so it is refused before anything is asked; a tenant is no secret."""
    path = tmp_path / "team.toml"
    for header, code in (("X-Token", 2), ("X-Scope-OrgID", 3)):
        path.write_text(f'[prometheus]\nurl = "https://p.host"\nheaders = {{ {header} = {{ env = "TENANT" }} }}\n')
        with serve(lambda path, query: (404, {})) as (url, asked):
            done = run("--config", "team.toml", "--profile", "staging", "init", "--yes", "--prometheus-url", url)

        assert done[0] == code
        assert asked.paths == []


def configure(text: str) -> None:
    path = user_settings_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_doctor_without_any_source_leads_to_init(run: Run) -> None:
    code, _, err = run("doctor")

    assert code == 2
    assert "dlqkit init" in err


def test_doctor_says_what_no_longer_works_and_the_next_step_of_each(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key's variable is gone, and Prometheus does not run: both are told, with exit code 4."""
    port = free_port()
    configure(
        '[execution_logs]\nurl = "https://127.0.0.1:1/logs"\napi_key = { env = "GONE" }\n'
        f'[prometheus]\nurl = "http://127.0.0.1:{port}"\n'
    )

    code, out, _ = run("doctor")
    as_json = run("doctor", "--json")

    flat = " ".join(out.split())
    assert code == as_json[0] == 4
    assert len(lines_with(out, "FAILS")) == 2
    assert "The environment variable GONE, which is to hold the secret, is not set." in flat
    assert "Next: Set it: export GONE=…" in flat
    assert "connection refused" in flat
    assert "2 checks fail: Execution Logs API, Prometheus." in flat
    told = json.loads(as_json[1])
    assert told["works"] is False
    assert [one["source"] for one in told["sources"] if not one["works"]] == ["execution_logs", "prometheus"]


def test_doctor_reads_settings_whose_addresses_are_none(run: Run) -> None:
    """A hand slipped in the file: each is told, and nothing breaks."""
    configure('[execution_logs]\nurl = "http://[::1"\n[prometheus]\nurl = "p.host"\n[worker]\nmetrics_urls = [""]\n')

    code, out, _ = run("doctor")

    assert code == 4
    assert len(lines_with(out, "FAILS")) == 3
    assert "an address that cannot be read" in out


def test_doctor_tells_what_goes_before_the_file_and_what_it_does_not_try(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forgotten variable is a usual reason; a ticket system is not written to for a check."""
    configure('[tickets]\nkind = "directory"\npath = "/tickets"\n')
    with serve(api(records(150))) as (url, _):
        monkeypatch.setenv("DLQKIT_EXECUTION_LOGS__URL", f"{url}/execution-logs")
        code, out, _ = run("doctor")
        strict = run("doctor", "--strict")

    flat = " ".join(out.split())
    assert code == 0
    assert "DLQKIT_EXECUTION_LOGS__URL go before the file." in flat
    assert "Not tried here" in flat
    assert "the ticket system" in flat
    assert "There is no Prometheus" in flat
    assert strict[0] == 3


def test_doctor_writes_no_colour_and_no_control_character_into_a_pipe(run: Run) -> None:
    """Names of fields are foreign text."""
    rows = [{**row, "\x1b[31mred": 1} for row in records(30)]
    with serve(api(rows)) as (url, _):
        configure(f'[execution_logs]\nurl = "{url}/execution-logs"\n')
        code, out, _ = run("doctor")

    assert code == 0
    assert "\x1b" not in out
    assert "⟨001B⟩[31mred" in out


def at_a_terminal(arguments: list[str], typed: list[tuple[str, str]], folder: Path, **more: str) -> tuple[int, str]:
    """Run the real command on a pseudo-terminal, answering each question when it comes; exit code and screen."""
    parent, child = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    environment |= {"COLUMNS": "80", "XDG_CONFIG_HOME": str(folder), **more}
    process = subprocess.Popen(
        [sys.executable, "-m", "dlqkit", *arguments],
        stdin=child,
        stdout=child,
        stderr=child,
        cwd=folder,
        env=environment,
    )
    os.close(child)
    screen, questions, deadline = b"", list(typed), time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            chunk = os.read(parent, 4096)
        except OSError:
            break
        screen += chunk
        if questions and questions[0][0].encode() in screen.split(b"\n")[-1]:
            os.write(parent, questions.pop(0)[1].encode() + b"\n")
    os.close(parent)
    assert not questions
    return process.wait(30), screen.decode()


def test_on_a_real_terminal_questions_come_one_by_one_and_states_have_colours(tmp_path: Path) -> None:
    """Each state has a word beside its colour; NO_COLOR leaves the word alone."""
    with serve(api(records(150))) as (url, _):
        typed = [("Address of the Execution Logs API", f"{url}/execution-logs"), ("Address of Prometheus", ""),
                 ("/metrics pages", ""),
                 ("MAX_ATTEMPTS", "5"), ("Timeout of an action", ""), ("Write ", "")]  # fmt: skip
        code, screen = at_a_terminal(["init"], typed, tmp_path)
        plain = at_a_terminal(["doctor"], [], tmp_path, NO_COLOR="1")

    assert code == 0, screen
    assert "\x1b[32mok" in screen
    assert "Written, for you alone:" in screen
    assert load_settings(tmp_path / "dlqkit" / "dlqkit.toml", environ={}).worker.max_attempts == 5
    assert plain[0] == 0
    assert "\x1b[3" not in plain[1]
    assert "  ok     access" in plain[1]
