"""Publishing to a real Mosquitto: both versions, all qualities of service, credentials, TLS, and the egress guard."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from mosquitto_kit import WAIT_S, Broker, free_port, listening, mosquitto, needs_mosquitto, only_user

from machinami.adapters.outbound.mqtt_sender import MqttSender
from machinami.adapters.tls import ensure_certificate
from machinami.data.delivery.model import Failure, Outcome
from machinami.kernel.clock import SystemClock
from machinami.security.egress.model import EgressPolicy

OPEN = EgressPolicy((), loopback_allowed=True)
BODY = '{"metadata":{},"body":{"水位":5}}'.encode()
VERSIONS = ["mqtt3.1.1", "mqtt5.0"]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Lets everybody in, and lets nobody publish below `closed/`."""
    folder = tmp_path_factory.mktemp("mosquitto")
    (folder / "acl").write_text("topic readwrite open/#\ntopic read closed/#\n")
    with mosquitto(folder, "allow_anonymous true", f"acl_file {folder}/acl") as running:
        yield running


async def lookup(host: str, port: int) -> Any:
    if host not in ("broker.test", "localhost"):
        raise socket.gaierror(f"{host} is not known")
    return [ip_address("127.0.0.1")]


@pytest.fixture
async def sender() -> AsyncIterator[MqttSender]:
    made = MqttSender(OPEN, SystemClock(), lookup=lookup)
    yield made
    await made.close()


async def publish(sender: MqttSender, url: str, timeout_s: float = WAIT_S, **transport: str) -> Outcome:
    parameters = {name.replace("_", "-"): value for name, value in transport.items()}
    return await sender.send(url, BODY, {"webhook-id": "urn:n:1", **parameters}, timeout_s)


@needs_mosquitto
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("quality", ["0", "1", "2"])
async def test_send_publishes_with_the_asked_quality_and_version(
    sender: MqttSender, broker: Broker, version: str, quality: str
) -> None:
    with listening(broker.port, "open/level") as heard:
        url = f"mqtt://127.0.0.1:{broker.port}/open/level"
        outcome = await publish(sender, url, MQTT_QoS=quality, MQTT_Version=version)
        message = heard.get(timeout=WAIT_S)
    assert outcome.delivered
    assert (message.payload, message.qos) == (BODY, int(quality))
    connections = [line for line in broker.log.splitlines() if "New client connected" in line and "machinami" in line]
    assert f"(p{5 if version == 'mqtt5.0' else 2}," in connections[-1]


@needs_mosquitto
@pytest.mark.parametrize("quality", ["1", "2"])
async def test_send_is_not_delivered_when_the_broker_declines_the_message(
    sender: MqttSender, broker: Broker, quality: str
) -> None:
    outcome = await publish(sender, f"mqtt://127.0.0.1:{broker.port}/closed/level", MQTT_QoS=quality)
    assert (outcome.delivered, outcome.failure) == (False, Failure.DECLINED)


@needs_mosquitto
@pytest.mark.parametrize("version", VERSIONS)
async def test_send_gives_user_and_password_of_the_url(sender: MqttSender, tmp_path: Path, version: str) -> None:
    with mosquitto(tmp_path, *only_user(tmp_path, "town", "s3cret/水")) as guarded:
        place = f"127.0.0.1:{guarded.port}/levels"
        right = await publish(sender, f"mqtt://town:s3cret%2F%E6%B0%B4@{place}", MQTT_QoS="1", MQTT_Version=version)
        assert right.delivered
        for names in ("", "town:wrong@", "town@"):
            wrong = await publish(sender, f"mqtt://{names}{place}", MQTT_QoS="1", MQTT_Version=version)
            assert (wrong.delivered, wrong.failure) == (False, Failure.DECLINED)
            assert "s3cret" not in wrong.detail


@needs_mosquitto
async def test_send_checks_the_brokers_certificate_by_its_name(tmp_path: Path) -> None:
    certificate = ensure_certificate(tmp_path, ["localhost"], [], SystemClock().now()).path
    with mosquitto(tmp_path, "allow_anonymous true", certificate=certificate) as running:
        trusting = MqttSender(OPEN, SystemClock(), ca_bundle=certificate, lookup=lookup)
        doubting = MqttSender(OPEN, SystemClock(), lookup=lookup)
        with listening(running.port, "levels") as heard:
            assert (await publish(trusting, f"mqtts://localhost:{running.tls_port}/levels", MQTT_QoS="2")).delivered
            assert heard.get(timeout=WAIT_S).payload == BODY
        other = await publish(trusting, f"mqtts://broker.test:{running.tls_port}/levels")
        unknown = await publish(doubting, f"mqtts://localhost:{running.tls_port}/levels")
        assert (other.failure, unknown.failure) == (Failure.TLS, Failure.TLS)
        await trusting.close()
        await doubting.close()


async def test_send_connects_to_no_closed_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        closed = MqttSender(EgressPolicy(()), SystemClock(), lookup=lookup)
        outcomes = [await publish(closed, f"mqtt://{host}:{port}/x") for host in ("127.0.0.1", "broker.test")]
        await closed.close()
        assert {one.failure for one in outcomes} == {Failure.REFUSED}
        listener.settimeout(0.05)
        with pytest.raises(TimeoutError):
            listener.accept()


async def test_send_says_why_nobody_is_reached(sender: MqttSender) -> None:
    assert (await publish(sender, f"mqtt://127.0.0.1:{free_port()}/x")).failure is Failure.CONNECT
    assert (await publish(sender, "mqtt://nowhere.test/x")).failure is Failure.NAME
    assert (await publish(sender, "mqtt://127.0.0.1:25/x")).failure is Failure.REFUSED


@pytest.mark.parametrize(
    ("answer", "failure"), [(b"", Failure.CLOSED), (None, Failure.TIMEOUT), (b"HTTP/1.1 400", Failure.CLOSED)]
)
async def test_send_is_not_delivered_when_what_answers_is_no_broker(
    sender: MqttSender, answer: bytes | None, failure: Failure
) -> None:
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(1_000)
                if answer is None:
                    over.wait(WAIT_S)
                else:
                    peer.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        outcome = await publish(sender, f"mqtt://127.0.0.1:{listener.getsockname()[1]}/x", timeout_s=1.0, MQTT_QoS="1")
        over.set()
    assert (outcome.delivered, outcome.failure) == (False, failure)
