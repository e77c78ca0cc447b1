"""Outgoing MQTT: notifications published to the broker that a subscription names (CIM 009 clause 7), by paho-mqtt.

Each notification has a connection of its own: connect, publish, wait for what the quality of service promises, disconnect.
At QoS 1 and 2 it counts as delivered once PUBACK or PUBCOMP says so, at QoS 0 once it is written. The name of a broker is
resolved once, every address is judged, and the connection goes to a judged address.
"""

from __future__ import annotations

import asyncio
import secrets
import select
import socket
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from machinami.adapters.outbound.guard import Lookup, SystemLookup
from machinami.data.delivery.model import NOTIFICATION_ID_HEADER, Failure, Outcome
from machinami.kernel.clock import Clock
from machinami.kernel.errors import Refusal
from machinami.security.egress import rules
from machinami.security.egress.model import Address, Broker, EgressPolicy

ACCEPTED: Final = 200
CONNECTIONS_MAX: Final = 16
_DETAIL_CHARACTERS: Final = 200
_VERSIONS: Final = {"mqtt3.1.1": MQTTProtocolVersion.MQTTv311, "mqtt5.0": MQTTProtocolVersion.MQTTv5}


class Declined(Exception):
    """The broker answered, and did not take the connection or the message."""


class MqttSender:
    """Publishes notifications. `close` lets go of its threads."""

    def __init__(
        self, policy: EgressPolicy, clock: Clock, *, ca_bundle: Path | None = None, lookup: Lookup | None = None
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._ca_bundle = ca_bundle
        self._system_lookup = SystemLookup() if lookup is None else None
        self._lookup: Lookup = lookup or self._system_lookup  # type: ignore[assignment]
        self._threads = ThreadPoolExecutor(CONNECTIONS_MAX, thread_name_prefix="mqtt")
        self._room = asyncio.Semaphore(CONNECTIONS_MAX)

    async def send(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Outcome:
        """Publish `body`; `headers` are the transport's parameters: MQTT-QoS, MQTT-Version and the notification's id.

        Never raises for what the broker, the network or the guard does. What the broker has taken has the status 200.
        """
        async with self._room:
            started = self._clock.monotonic()
            try:
                broker = rules.parse_broker(url)
                async with asyncio.timeout(timeout_s):
                    address = await self._judged(broker)
                left_s = timeout_s - (self._clock.monotonic() - started)
                exchange = _Exchange(broker, address, body, headers, self._clock, left_s, self._ca_bundle)
                await asyncio.get_running_loop().run_in_executor(self._threads, exchange.run)
            except Refusal as error:
                detail = ", ".join(f"{name}={value}" for name, value in error.parameters.items())
                return self._failed(Failure.REFUSED, f"{error.code}: {detail}", started)
            except Declined as error:
                return self._failed(Failure.DECLINED, str(error), started)
            except OSError as error:
                return self._failed(_failure_of(error), str(error) or type(error).__name__, started)
            return Outcome(status=ACCEPTED, duration_s=self._clock.monotonic() - started)

    async def close(self) -> None:
        """Let the threads end; an exchange under way ends by its own time limit."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._system_lookup is not None:
            self._system_lookup.close()

    async def _judged(self, broker: Broker) -> Address:
        target = broker.target
        addresses = [target.address] if target.address is not None else list(await self._lookup(target.host, target.port))
        if not addresses:
            raise socket.gaierror(f"{target.host} has no address")
        rules.check_addresses(target.host, addresses, self._policy)
        return addresses[0]

    def _failed(self, failure: Failure, detail: str, started: float) -> Outcome:
        return Outcome(failure=failure, duration_s=self._clock.monotonic() - started, detail=detail[:_DETAIL_CHARACTERS])


class _Client(Client):
    """paho, which looks past the reason code of a PUBREC: what the broker declined at QoS 2 must not count as delivered."""

    declined: ReasonCode | None = None

    def _handle_pubrec(self) -> MQTTErrorCode:
        packet = self._in_packet["packet"]
        if len(packet) > 2 and packet[2] >= 0x80:
            self.declined = ReasonCode(PacketTypes.PUBREC, identifier=packet[2])
        return super()._handle_pubrec()


class _Exchange:
    """One connection that publishes one message; `run` blocks for at most `timeout_s`."""

    def __init__(
        self, broker: Broker, address: Address, body: bytes, parameters: Mapping[str, str], clock: Clock, timeout_s: float,
        ca_bundle: Path | None,
    ) -> None:  # fmt: skip
        self._broker = broker
        self._address = address
        self._body = body
        self._parameters = parameters
        self._clock = clock
        self._end = clock.monotonic() + timeout_s
        self._ca_bundle = ca_bundle
        self._connected: ReasonCode | None = None
        self._published: ReasonCode | None = None
        self._version = _VERSIONS[parameters.get("MQTT-Version", "mqtt5.0")]

    def run(self) -> None:
        """Raises Declined, or OSError (TimeoutError at the end of the time)."""
        client = self._client()
        client.connect_timeout = max(self._left_s(), 0.001)
        try:
            client.connect(str(self._address), self._broker.target.port)
            self._until(client, lambda: self._connected is not None)
            self._taken(self._connected, "the connection")
            client.publish(
                self._broker.topic, self._body, int(self._parameters.get("MQTT-QoS", "0")), properties=self._properties()
            )
            self._until(client, lambda: self._published is not None)
            self._taken(client.declined or self._published, "the message")
            client.disconnect()
        finally:
            sock = client.socket()
            if sock is not None:
                sock.close()

    def _client(self) -> _Client:
        client = _Client(
            CallbackAPIVersion.VERSION2, client_id=f"machinami{secrets.token_hex(6)}", protocol=self._version,
            reconnect_on_failure=False,
        )  # fmt: skip
        if self._broker.user:
            client.username_pw_set(self._broker.user, self._broker.password or None)
        if self._broker.target.scheme == "mqtts":
            client.tls_set_context(_tls(self._broker.target.host, self._ca_bundle))
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        return client

    def _properties(self) -> Properties | None:
        if self._version is not MQTTProtocolVersion.MQTTv5:
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = "application/json"
        if NOTIFICATION_ID_HEADER in self._parameters:
            properties.UserProperty = (NOTIFICATION_ID_HEADER, self._parameters[NOTIFICATION_ID_HEADER])
        return properties

    def _on_connect(self, client: Client, data: Any, flags: Any, reason: ReasonCode, properties: Any) -> None:
        self._connected = reason

    def _on_publish(self, client: Client, data: Any, number: int, reason: ReasonCode, properties: Any) -> None:
        self._published = reason

    def _taken(self, reason: ReasonCode | None, what: str) -> None:
        if reason is not None and reason.is_failure:
            raise Declined(f"the broker declined {what}: {reason}")

    def _until(self, client: Client, reached: Callable[[], bool]) -> None:
        """Read and write until `reached`; the connection's end before that is an error."""
        while not reached():
            sock, left_s = client.socket(), self._left_s()
            if left_s <= 0:
                raise TimeoutError("no complete answer in time")
            if sock is None:
                raise ConnectionResetError("the broker closed the connection")
            waiting = select.poll()
            waiting.register(sock, select.POLLIN | (select.POLLOUT if client.want_write() else 0))
            buffered = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
            ready = waiting.poll(0 if buffered else left_s * 1000)
            states = [client.loop_write()] if client.want_write() else []
            if buffered or any(events & ~select.POLLOUT for _, events in ready):
                states.append(client.loop_read())
            if not reached() and any(state is not MQTTErrorCode.MQTT_ERR_SUCCESS for state in states):
                raise ConnectionResetError("the broker closed the connection")

    def _left_s(self) -> float:
        return self._end - self._clock.monotonic()


class _NamedContext(ssl.SSLContext):
    """TLS that asks for the broker's name although the connection goes to one of its judged addresses."""

    name = ""

    def wrap_socket(self, sock: Any, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        return super().wrap_socket(sock, *arguments, **{**options, "server_hostname": self.name})


def _tls(host: str, ca_bundle: Path | None) -> ssl.SSLContext:
    context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.name = host
    context.load_default_certs()
    if ca_bundle is not None:
        context.load_verify_locations(cafile=ca_bundle)
    return context


def _failure_of(error: OSError) -> Failure:
    if isinstance(error, TimeoutError):
        return Failure.TIMEOUT
    if isinstance(error, ssl.SSLError):
        return Failure.TLS
    if isinstance(error, socket.gaierror):
        return Failure.NAME
    return Failure.CLOSED if isinstance(error, ConnectionResetError) else Failure.CONNECT
