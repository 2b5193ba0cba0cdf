"""The dead-letter topics of the platform hold what its records call dead, with what no record shows."""

from __future__ import annotations

import json
import time
from dataclasses import astuple

import numpy as np
import pytest

from dlqkit.simulator.dead_letters import DeadLetters, draw_style
from dlqkit.simulator.platform import SCENARIOS, Platform
from dlqkit.simulator.server import Server


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_dead_letter_of_now_is_one_message_and_is_told_once(scenario: str) -> None:
    """As many messages as attempts that ended dead; the payload is the client's own."""
    platform = Platform(seed=4, scenario=scenario, events=4000)
    rows = platform.attempts
    moment = platform.clock()
    for number, workflow in enumerate(platform.workflows):
        topic = DeadLetters(platform, number)
        messages = topic.new_messages()
        own = rows.dead & (platform.workflow_of[rows.event] == number)
        ended = rows.ended[own]

        assert abs(len(messages) - np.count_nonzero(ended <= moment)) <= 1
        assert len({one.message_id for one in messages}) == len(messages)
        assert all(workflow.shape.key in json.loads(one.data) for one in messages)
        assert {one.attributes["content-type"] for one in messages} <= {"application/json"}
        assert len(topic.new_messages()) <= 1


def test_what_dies_again_after_a_republish_is_a_new_message() -> None:
    """The first message stays what the client sent; the second holds what was sent again."""
    platform = Platform(seed=1, scenario="business", events=4000)
    topic = DeadLetters(platform, 0)
    before = topic.new_messages()
    event = platform.dead_events()[0]
    body = platform.payload_of(event)
    platform.consume(platform.workflows[0].topic, json.dumps({**body, "note": "again"}).encode())
    deadline, new = time.monotonic() + 10, []
    while not new and time.monotonic() < deadline:
        time.sleep(0.1)
        new = [one for one in topic.new_messages() if json.loads(one.data).get("note") == "again"]
    every = [json.loads(one.data) for one in DeadLetters(platform, 0).new_messages()]

    assert len(new) == 1
    assert [json.loads(one.data) for one in before].count(body) == 1
    assert every.count(body) == 1
    assert every.count({**body, "note": "again"}) == 1


def test_publishers_differ_from_platform_to_platform() -> None:
    """Traces under several names or none, keys or none, forwarded by Pub/Sub or by the worker."""
    styles = [draw_style(seed, "infrastructure") for seed in range(40)]

    assert draw_style(3, "mixed") == draw_style(3, "mixed")
    assert [len(set(values)) for values in zip(*map(astuple, styles), strict=True)] == [5, 3, 2, 2, 2]


def test_the_simulator_tells_the_names_and_puts_them_into_its_environment() -> None:
    server = Server(Platform(seed=7, events=1000))
    server.start()
    try:
        told = server.describe()
    finally:
        server.stop()

    names = list(told["dead_letter_subscriptions"].values())
    assert json.loads(told["environment"]["DLQKIT_DEAD_LETTER_SUBSCRIPTION__NAME"]) == names
    assert set(told["dead_letter_topics"]) == {one.workflow_id for one in server.platform.workflows}
    assert told["environment"]["PUBSUB_EMULATOR_HOST"] == told["pubsub_emulator_host"]
