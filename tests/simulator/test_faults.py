"""The simulated Pub/Sub goes wrong as it is told, and says afterwards what it has stored."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core import exceptions
from google.pubsub_v1 import types
from google.pubsub_v1.services.publisher import PublisherClient

from dlqkit.simulator.faults import PublishFaults
from dlqkit.simulator.platform import Platform
from dlqkit.simulator.server import Server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    served = Server(Platform(seed=7, events=1000))
    served.start()
    yield served
    served.stop()


@pytest.fixture
def client(server: Server) -> Iterator[PublisherClient]:
    import grpc
    from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

    with grpc.insecure_channel(f"127.0.0.1:{server.pubsub.port}") as channel:
        yield PublisherClient(transport=PublisherGrpcTransport(channel=channel))
    server.pubsub.faults.clear()


def control(server: Server, path: str, **form: str) -> Any:
    body = urllib.parse.urlencode(form).encode() if form else None
    with urllib.request.urlopen(f"{server.url}/control/{path}", data=body, timeout=10) as answered:
        return json.loads(answered.read())


def publish(server: Server, client: PublisherClient, *messages: dict[str, Any]) -> list[str]:
    request = {"topic": server.platform.workflows[0].topic, "messages": list(messages)}
    return list(client.publish(request=request, retry=None, timeout=5).message_ids)


def test_a_fault_is_asked_for_by_the_control_address_and_happens_so_often(
    server: Server, client: PublisherClient
) -> None:
    before = len(control(server, "published"))
    control(server, "fault", kind="ack_lost", times="2")
    for _ in range(2):
        with pytest.raises(exceptions.ServiceUnavailable):
            publish(server, client, {"data": b'{"a": 1}', "attributes": {"key": "v"}})
    publish(server, client, {"data": b'{"a": 1}', "ordering_key": "k"})

    stored = control(server, "published")[before:]
    assert [one["ordering_key"] for one in stored] == ["", "", "k"]
    assert stored[0]["attributes"] == {"key": "v"}
    assert len({one["message_id"] for one in stored}) == 3
    # By sha256sum.
    assert stored[0]["sha256"] == "f9d86028c6e0d64e225186f96acb69338b2c59764df79162107f5c4bb34d1310"


def test_a_fault_that_is_not_known_is_refused(server: Server) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        control(server, "fault", kind="earthquake")
    refused.value.close()

    assert refused.value.code == 400
    with pytest.raises(ValueError, match="earthquake"):
        PublishFaults().add("earthquake")


def test_a_fault_can_be_ended(server: Server, client: PublisherClient) -> None:
    control(server, "fault", kind="permission_denied", times="0")
    with pytest.raises(exceptions.PermissionDenied):
        publish(server, client, {"data": b"{}"})
    control(server, "fault", kind="none")

    assert len(publish(server, client, {"data": b"{}"})) == 1


def test_one_bad_message_refuses_its_whole_request(server: Server, client: PublisherClient) -> None:
    server.pubsub.faults.add("bad_message", times=0, text="bad")
    before = len(server.pubsub.published())
    with pytest.raises(exceptions.InvalidArgument):
        publish(server, client, {"data": b"good"}, {"data": b"bad"})

    assert len(server.pubsub.published()) == before
    assert len(publish(server, client, {"data": b"good"})) == 1


def test_messages_of_two_keys_are_refused_in_one_request(server: Server, client: PublisherClient) -> None:
    """As the reference of PubsubMessage has it."""
    with pytest.raises(exceptions.InvalidArgument):
        publish(server, client, {"data": b"1", "ordering_key": "a"}, {"data": b"2", "ordering_key": "b"})


def test_a_share_of_requests_fails_by_a_seed() -> None:
    """The same seed, the same requests fail."""

    class Context:
        def abort(self, code: Any, _: str) -> None:
            raise RuntimeError(code.name)

    def fates(seed: int) -> list[str]:
        faults, out = PublishFaults(), []
        faults.draw(["unavailable", "internal"], 0.3, seed)
        for _ in range(200):
            try:
                out.append(str(faults.before(types.PublishRequest.pb()(), Context())))
            except RuntimeError as error:
                out.append(str(error))
        return out

    assert fates(1) == fates(1) != fates(2)
    assert 30 <= sum(one != "None" for one in fates(1)) <= 90
    assert set(fates(1)) == {"None", "UNAVAILABLE", "INTERNAL"}
