"""The same publishing against Google's own in-memory server, which is not built on our reading of the documents."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dlqkit.republish.journal import open_journal
from dlqkit.republish.limits import MAX_REQUEST_BYTES
from dlqkit.republish.plan import Target, hash_text
from dlqkit.republish.publisher import Publisher, connect_sink
from dlqkit.republish.sending import Message, SendError
from dlqkit.republish.verification import create_verification_subscription, load_seen
from tests.real import find_program, free_port
from tests.republish.plans import ATTRIBUTE, TOPIC, make_plan, send_all, states

pytestmark = pytest.mark.real
LIBRARIES = Path("/usr/share/gocode")
NAME = "projects/simulated-project/subscriptions/verify"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from main.go with Debian's packages, and nothing fetched."""
    go, folder = find_program("go"), tmp_path_factory.mktemp("pstest")
    if not (LIBRARIES / "src/cloud.google.com/go/pubsub/pstest").is_dir():
        find_program("golang-google-cloud-dev")  # says that it is not installed
    shutil.copy(Path(__file__).with_name("main.go"), folder)
    environ = {
        **os.environ, "GO111MODULE": "off", "GOPATH": str(LIBRARIES), "GOFLAGS": "", "GOPROXY": "off",
        "GOCACHE": os.environ.get("GOCACHE") or str(Path(os.environ.get("TMPDIR", "/tmp")) / "dlqkit-go-cache"),
    }  # fmt: skip
    built = subprocess.run(
        [go, "build", "-o", "pstestd", "."], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return folder / "pstestd"


class Served:
    """A running server: its addresses, and what it has stored."""

    def __init__(self, program: Path) -> None:
        self.address, self._http = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.process = subprocess.Popen(
            [str(program), "-grpc", self.address, "-http", self._http], stderr=subprocess.DEVNULL
        )  # fmt: skip
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                self.published()
                return
            except OSError:
                time.sleep(0.05)
        pytest.fail("the server does not answer")

    def published(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"http://{self._http}/published", timeout=10) as answered:
            return list(json.loads(answered.read()))


@pytest.fixture
def served(program: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    running = Served(program)
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", running.address)
    yield running
    running.process.kill()
    running.process.wait(10)


@pytest.fixture
def publisher(served: Served) -> Iterator[Publisher]:
    from google.pubsub_v1.services.publisher import PublisherClient
    from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

    made = connect_sink(Target("pubsub", TOPIC, ATTRIBUTE), deadline_s=5.0)
    assert isinstance(made, Publisher)
    PublisherClient(transport=PublisherGrpcTransport(channel=made._channel)).create_topic(name=TOPIC)
    yield made
    made.close()


def test_a_plan_arrives_whole_and_once(served: Served, publisher: Publisher, tmp_path: Path) -> None:
    """Ids, bytes and attributes are what the journal and the plan say."""
    plan = make_plan(300, keys=["a" if item % 3 == 0 else "" for item in range(300)])
    publisher.max_messages = 50
    with open_journal(tmp_path) as journal:
        sent = send_all(journal, publisher, plan)
        ids = dict(zip(journal.events("plan-001")["dedupe_key"], journal.events("plan-001")["message_id"], strict=True))
    stored = {one["attributes"][ATTRIBUTE]: one for one in served.published()}

    assert sent.acked == 300
    assert len(served.published()) == len(stored) == 300
    for event in plan.events:
        one = stored[event.dedupe_key]
        assert one["message_id"] == ids[event.dedupe_key]
        assert one["sha256"] == hash_text(event.payload)
        assert one["attributes"] == {"tenant": "a", ATTRIBUTE: event.dedupe_key}


def test_an_ordering_key_arrives(served: Served, publisher: Publisher) -> None:
    from google.pubsub_v1.services.subscriber import SubscriberClient
    from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

    client = SubscriberClient(transport=SubscriberGrpcTransport(channel=publisher._channel))
    client.create_subscription(name=NAME, topic=TOPIC, ack_deadline_seconds=10)
    publisher.send([Message(1, b"{}", {}, "customer-7", "")])

    pulled = client.pull(subscription=NAME, max_messages=1, timeout=10).received_messages

    assert [one.message.ordering_key for one in pulled] == ["customer-7"]


def test_a_topic_that_is_missing_is_a_sure_refusal(served: Served, tmp_path: Path) -> None:
    plan = make_plan(3, target=Target("pubsub", TOPIC + "-missing", ATTRIBUTE))
    sink = connect_sink(plan.target, deadline_s=5.0)
    with open_journal(tmp_path) as journal:
        sent = send_all(journal, sink, plan)
        assert states(journal, plan) == ["failed"] * 3
        assert set(journal.events("plan-001")["code"]) == {"NOT_FOUND"}
    sink.close()

    assert sent.stopped == "refused"
    assert not served.published()


def test_a_message_of_nearly_ten_million_bytes_arrives(served: Served, publisher: Publisher) -> None:
    assert len(publisher.send([Message(1, b"x" * (MAX_REQUEST_BYTES - 400), {}, "", "")])) == 1


def test_a_server_that_is_killed_leaves_doubt_or_nothing_sent(served: Served, publisher: Publisher) -> None:
    """A request on a connection that broke is doubtful; the next finds nobody and was surely not sent."""
    publisher.send([Message(1, b"{}", {}, "", "")])
    served.process.kill()
    served.process.wait(10)
    publisher._connect_s = 0.5
    codes = []
    for _ in range(2):
        with pytest.raises(SendError) as failed:
            publisher.send([Message(2, b"{}", {}, "", "")])
        codes.append((failed.value.code, failed.value.is_definite))

    assert codes == [("UNAVAILABLE", False), ("UNREACHABLE", True)]


def test_a_verification_subscription_shows_what_arrived(served: Served, publisher: Publisher) -> None:
    channel = publisher._channel
    assert create_verification_subscription(channel, NAME, TOPIC)
    ids = publisher.send([Message(n, b"{}", {ATTRIBUTE: f"k{n}"}, "", "") for n in range(20)])

    seen = load_seen(channel, NAME, {"k3", "k7"}, topic=TOPIC, dedupe_attribute=ATTRIBUTE, budget_s=20)

    assert seen == {"k3": ids[3], "k7": ids[7]}
