from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dlqkit.errors import ParameterError
from dlqkit.settings import Settings, load_settings
from dlqkit.sources.connect import (
    connect_execution_logs,
    connect_metrics_page,
    connect_prometheus,
    open_record_exports,
    open_support_reports,
    open_worker_logs,
)
from dlqkit.sources.known_secrets import known_secrets

KEY, TOKEN, TENANT = "k3y-of-the-tests", "t0ken-of-the-tests", "payments"


def make_settings(**prometheus: Any) -> Settings:
    return Settings.model_validate(
        {
            "execution_logs": {"url": "https://api.example/execution-logs", "api_key": {"env": "THE_KEY"}},
            "prometheus": {"url": "https://prometheus.example", **prometheus},
            "worker_logs": {"timezone": "Europe/Berlin"},
            "support_reports": {"timezone": "Europe/Berlin"},
        }
    )


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("THE_KEY", KEY), ("THE_TOKEN", TOKEN), ("THE_TENANT", TENANT)):
        monkeypatch.setenv(name, text)


def test_every_source_masks_the_secrets_of_all(tmp_path: Path) -> None:
    """The API's key on a metrics page, Prometheus's token in an execution record: neither is kept."""
    settings = make_settings(auth={"bearer": {"env": "THE_TOKEN"}})
    (tmp_path / "log").write_text(f"2026-03-02 15:00:05 {KEY} {TOKEN}\n")
    (tmp_path / "reports").write_text(f"trace_id,time,note\nt1,2026-03-02 15:00,{KEY} {TOKEN}\n")
    (tmp_path / "records").write_text(f'[{{"trace_id": "t1", "status": "failed", "last_error": "{KEY} {TOKEN}"}}]')

    for client in (
        connect_execution_logs(settings),
        connect_prometheus(settings),
        connect_metrics_page(settings, "http://127.0.0.1:9/metrics"),
    ):
        assert client._client._masks.apply(f"{KEY} {TOKEN}".encode()) == (b"******** ********", 2)
    logs = open_worker_logs(settings, tmp_path / "log").load().frame
    assert logs["message"].tolist() == ["2026-03-02 15:00:05 ******** ********"]
    assert str(logs["logged_at"].iloc[0]) == "2026-03-02 14:00:05+00:00"
    reports = open_support_reports(settings, tmp_path / "reports").load().frame
    assert (reports["note"].iloc[0], str(reports["reported_at"].iloc[0])) == (
        "******** ********", "2026-03-02 14:00:00+00:00",
    )  # fmt: skip
    records = open_record_exports(settings, tmp_path / "records").load().frame
    assert records["last_error"].tolist() == ["******** ********"]


def test_a_password_is_masked_as_it_stands_in_a_header_too() -> None:
    settings = make_settings(auth={"basic": {"user": "ann", "password": {"env": "THE_TOKEN"}}})

    assert known_secrets(settings) == (KEY, TOKEN, "YW5uOnQwa2VuLW9mLXRoZS10ZXN0cw==")


def test_a_tenant_is_no_secret() -> None:
    """A word such as “payments” would be masked in every label and message."""
    settings = make_settings(headers={"X-Scope-OrgID": {"env": "THE_TENANT"}, "X-Token": {"env": "THE_TOKEN"}})

    assert known_secrets(settings) == (KEY, TOKEN)
    assert connect_prometheus(settings)._client._masks.apply(b"payments") == (b"payments", 0)


def test_a_secret_that_cannot_be_had_stops_only_its_own_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prometheus's token is not set: the Execution Logs API is read all the same."""
    monkeypatch.delenv("THE_TOKEN")
    settings = make_settings(auth={"bearer": {"env": "THE_TOKEN"}})

    assert known_secrets(settings) == (KEY,)
    assert connect_execution_logs(settings)
    with pytest.raises(ParameterError, match="THE_TOKEN"):
        connect_prometheus(settings)


def test_a_source_without_an_address_has_no_secret_to_look_up() -> None:
    """What is not configured is not asked, so its passphrase is not asked for either."""
    settings = Settings.model_validate({"prometheus": {"auth": {"bearer": {"command": ["false"]}}}})

    assert known_secrets(settings) == ()


def test_secrets_that_reading_does_not_need_are_masked_too(tmp_path: Path) -> None:
    """The token of the tickets, of the team's own endpoint, and what stands in an address; nobody is asked for one."""
    (tmp_path / "bearer").write_text("bearer-of-the-tests\n")
    more: dict[str, Any] = {
        "tickets": {"kind": "jira", "url": "https://jira.example", "token": {"env": "THE_TOKEN"}},
        "republish": {"http": {"url": "https://ingest.example", "bearer": {"file": str(tmp_path / "bearer")}}},
        "worker": {"metrics_urls": ["https://w.example/metrics?access_token=in-the-address&shard=blue-worker"]},
    }
    assert known_secrets(Settings.model_validate(more)) == ("in-the-address", TOKEN, "bearer-of-the-tests")

    ran = tmp_path / "ran"
    more["tickets"]["token"] = {"command": ["touch", str(ran)]}
    assert TOKEN not in known_secrets(Settings.model_validate(more))
    assert not ran.exists()


def test_a_command_is_not_run_once_for_every_source(tmp_path: Path) -> None:
    """A password manager that asks for a passphrase asks for it once for masking."""
    count = tmp_path / "count"
    script = f"echo x >> {count}; echo {TOKEN}"
    settings = make_settings(auth={"bearer": {"command": ["sh", "-c", script]}})

    for _ in range(3):
        assert known_secrets(settings) == (KEY, TOKEN)

    assert count.read_text() == "x\n"


def test_zones_are_settings_and_a_wrong_name_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "dlqkit.toml"
    file.write_text('[worker_logs]\ntimezone = "Europe/Berlin"\n[support_reports]\ntimezone = "UTC"\n')
    settings = load_settings(file, environ={"DLQKIT_SUPPORT_REPORTS__TIMEZONE": "Asia/Tokyo"})
    assert (settings.worker_logs.timezone, settings.support_reports.timezone) == ("Europe/Berlin", "Asia/Tokyo")

    file.write_text('[worker_logs]\nzone = "UTC"\n')
    with pytest.raises(ParameterError, match="worker_logs"):
        load_settings(file, environ={})
