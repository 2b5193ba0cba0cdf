"""Doubt ends by a record, by a subscription's copy or by a name with a reason; never by silence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pandas as pd
import pytest
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from dlqkit.errors import ParameterError, SourceError
from dlqkit.evidence import audit_log
from dlqkit.republish.journal import Change, Journal, open_journal
from dlqkit.republish.plan import Target
from dlqkit.republish.publisher import connect_channel, connect_sink
from dlqkit.republish.resolution import resolve_by_records, resolve_by_subscription, resolve_by_word
from dlqkit.republish.sending import Message
from dlqkit.republish.verification import create_verification_subscription, load_seen
from dlqkit.simulator.pubsub import PubSub
from tests.republish.plans import ATTRIBUTE, TOPIC, Answers, make_plan, send_all, states

NAME = "projects/simulated-project/subscriptions/dlqkit-verify"


def doubtful(journal: Journal, count: int = 4) -> None:
    """A plan whose last event was acknowledged, and all others are in doubt."""
    journal.add_plan(make_plan(count))
    run_id = journal.begin_run("plan-001")
    journal.advance("plan-001", [], range(1, count + 1), run_id=run_id, step=1)
    changes = [Change(item, "in_doubt", code="UNAVAILABLE") for item in range(1, count)]
    journal.advance("plan-001", [*changes, Change(count, "acked", "7")], [], run_id=run_id, step=1)


def outcomes(*rows: tuple[int, str]) -> pd.DataFrame:
    return pd.DataFrame(
        [{"item": item, "outcome": outcome, "matched_by": "dedupe attribute", "record_id": f"r{item}"}
         for item, outcome in rows]
    ).astype({"outcome": "category"})  # fmt: skip


def test_an_event_whose_record_was_seen_was_sent_and_one_that_was_not_seen_stays_in_doubt(tmp_path: Path) -> None:
    """A record that shows it dead again shows that it arrived."""
    with open_journal(tmp_path) as journal:
        doubtful(journal)
        settled = resolve_by_records(
            journal, "plan-001", outcomes((1, "passed"), (2, "failed_same"), (3, "not_seen"), (4, "running")), by="anna"
        )
        frame = journal.events("plan-001")

    assert settled == 2
    assert list(frame["state"]) == ["acked", "acked", "in_doubt", "acked"]
    assert list(frame["code"][:2]) == ["BY_RECORD"] * 2
    assert frame["resolution"][0] == "record r1 by dedupe attribute"
    assert frame["message_id"][3] == "7"


@pytest.mark.parametrize("form", ["", ", re-serialised", ", without its envelope"])
def test_a_record_with_the_same_payload_and_no_trace_settles_nothing(tmp_path: Path, form: str) -> None:
    """The same payload seen later may be the producer's own repeat: the event stays in doubt."""
    with open_journal(tmp_path) as journal:
        doubtful(journal)
        found = outcomes((1, "passed")).assign(matched_by="payload alone" + form)

        assert resolve_by_records(journal, "plan-001", found, by="anna") == 0
        assert states(journal, make_plan(4))[0] == "in_doubt"


def test_by_word_an_event_was_sent_or_was_not_or_is_sent_again(tmp_path: Path) -> None:
    plan = make_plan(4)
    with open_journal(tmp_path) as journal:
        doubtful(journal)
        said = {"by": "anna", "reason": "the client has the order"}
        resolve_by_word(journal, "plan-001", [1], was_sent=True, **said)
        resolve_by_word(journal, "plan-001", [2], was_sent=False, **said)
        resolve_by_word(journal, "plan-001", [3], was_sent=False, send_again=True, **said)
        assert states(journal, plan) == ["acked", "failed", "planned", "acked"]
        assert list(journal.events("plan-001")["resolved_by"][:3]) == ["anna"] * 3

        sink = Answers()
        send_all(journal, sink, plan)
        assert sink.items == [3]
    lines = [line for line in audit_log.read(tmp_path) if line["action"] == "republish events settled"]
    assert [(line["name"], line["items"]) for line in lines] == [
        ("anna", {"acked": [1]}), ("anna", {"failed": [2]}), ("anna", {"planned": [3]})
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("items", "options", "match"),
    [([4], {}, "not in doubt, but acked"), ([9], {}, "not there"), ([1], {"reason": " "}, "reason"),
     ([1], {"by": ""}, "name"), ([1], {"send_again": True}, "not sent again")],
)  # fmt: skip
def test_a_word_that_settles_nothing_is_refused(
    tmp_path: Path, items: list[int], options: dict[str, object], match: str
) -> None:
    with open_journal(tmp_path) as journal:
        doubtful(journal)
        with pytest.raises(ParameterError, match=match):
            resolve_by_word(
                journal, "plan-001", items, **{"was_sent": True, "by": "anna", "reason": "saw it", **options}
            )  # type: ignore[arg-type]
        assert states(journal, make_plan(4))[:3] == ["in_doubt"] * 3


@pytest.fixture
def pubsub(monkeypatch: pytest.MonkeyPatch) -> Iterator[PubSub]:
    served = PubSub([TOPIC, TOPIC + "-other"])
    served.start()
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{served.port}")
    yield served
    served.stop()


@pytest.fixture
def channel(pubsub: PubSub) -> Iterator[grpc.Channel]:
    opened, _ = connect_channel()
    yield opened
    opened.close()


def test_a_subscription_made_before_the_run_shows_what_was_stored(
    pubsub: PubSub, channel: grpc.Channel, tmp_path: Path
) -> None:
    """Two events were stored although their answers were lost; the third never arrived and stays in doubt."""
    assert create_verification_subscription(channel, NAME, TOPIC)
    plan = make_plan(4)
    sink = connect_sink(Target("pubsub", TOPIC, ATTRIBUTE))
    for event in (plan.events[0], plan.events[1]):
        sink.send([Message(event.item, b"{}", {ATTRIBUTE: event.dedupe_key}, "", event.dedupe_key)])
    sink.send([Message(9, b"{}", {}, "", "")])
    sink.close()

    seen = load_seen(
        channel,
        NAME,
        {event.dedupe_key for event in plan.events[:3]},
        topic=TOPIC,
        dedupe_attribute=ATTRIBUTE,
        budget_s=2,
    )
    with open_journal(tmp_path) as journal:
        doubtful(journal)
        assert resolve_by_subscription(journal, "plan-001", seen, by="anna") == 2
        assert states(journal, plan) == ["acked", "acked", "in_doubt", "acked"]
        assert list(journal.events("plan-001")["message_id"][:2]) == [
            one["message_id"] for one in pubsub.published()[:2]
        ]


def test_reading_the_subscription_takes_nothing_from_it(pubsub: PubSub, channel: grpc.Channel) -> None:
    """Nothing is acknowledged: it can be read again at once, by us or by a colleague."""
    create_verification_subscription(channel, NAME, TOPIC)
    sink = connect_sink(Target("pubsub", TOPIC, ATTRIBUTE))
    sink.send([Message(n, b"{}", {ATTRIBUTE: f"k{n}"}, "", "") for n in range(50)])
    sink.close()

    wanted = {"k3", "k49"}
    first, second = (
        load_seen(channel, NAME, wanted, topic=TOPIC, dedupe_attribute=ATTRIBUTE, budget_s=5) for _ in range(2)
    )

    assert set(first) == wanted
    assert first == second


def test_the_subscription_is_made_once_and_expires_by_itself(pubsub: PubSub, channel: grpc.Channel) -> None:
    assert create_verification_subscription(channel, NAME, TOPIC)
    assert not create_verification_subscription(channel, NAME, TOPIC)
    with pytest.raises(ParameterError, match="another topic"):
        create_verification_subscription(channel, NAME, TOPIC + "-other")
    with pytest.raises(ParameterError, match="cannot expire"):
        create_verification_subscription(channel, NAME, TOPIC, expires_after_s=600)
    with pytest.raises(ParameterError, match="no subscription's name"):
        create_verification_subscription(channel, "verify", TOPIC)


FAULTS: dict[str, dict[str, Any]] = {
    "dead-letter policy": {"dead_letter_policy": {"dead_letter_topic": TOPIC + "-other", "max_delivery_attempts": 5}},
    "filter": {"filter": 'attributes.tenant = "b"'},
    "never expires": {"expiration_policy": {}},
    "not made by dlqkit": {"labels": {}},
    "hands its messages elsewhere": {"push_config": {"push_endpoint": "https://worker.example/push"}},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_subscription_that_others_need_or_that_does_not_hold_all_is_not_used(
    pubsub: PubSub, channel: grpc.Channel, fault: str
) -> None:
    """Such as the worker's own: reading it would take messages from the worker, and count as deliveries."""
    from google.pubsub_v1 import types

    usual = {"name": NAME, "topic": TOPIC, "labels": {"made-by": "dlqkit"},
             "expiration_policy": {"ttl": {"seconds": 86_400}}}  # fmt: skip
    wrong = types.Subscription(**{**usual, **FAULTS[fault]})
    SubscriberClient(transport=SubscriberGrpcTransport(channel=channel)).create_subscription(request=wrong)

    with pytest.raises(ParameterError, match=fault):
        create_verification_subscription(channel, NAME, TOPIC)
    with pytest.raises(ParameterError, match=fault) as caught:
        load_seen(channel, NAME, {"k"}, topic=TOPIC, dedupe_attribute=ATTRIBUTE, budget_s=2)
    assert "dlqkit makes it" in caught.value.next_step


def test_a_subscription_that_is_gone_settles_nothing(channel: grpc.Channel) -> None:
    with pytest.raises(SourceError, match="NOT_FOUND"):
        load_seen(channel, NAME, {"k"}, topic=TOPIC, dedupe_attribute=ATTRIBUTE, budget_s=2)
