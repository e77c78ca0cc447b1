"""Sealed attributes (CIM 009 4.5.2.2, annex C.11): a seal goes wherever its attribute goes, as it was written.

Whether a seal is right is for whoever receives it: the standard gives a broker no part in that. A seal stays when only the
value is changed, like any other member (5.5.8, 5.5.12), and is then one that doesn't fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .scenario_kit import DEFAULT, ENTITIES, SUBSCRIPTIONS, V1, Client, Receiver, address_of, running

STORE = "urn:ngsi-ld:Store:002"
ADDRESS = {
    "streetAddress": ["Tiger Street 4", "al"],
    "addressRegion": "Metropolis",
    "addressLocality": "Cat City",
    "postalCode": "42420",
}
PROOF = {
    "type": "DataIntegrityProof",
    "created": "2025-01-27T21:02:24Z",
    "verificationMethod": "https://example.edu/issuers/565049#z6MkwXG2WjeQnN....Hc6SaVWoT",
    "cryptosuite": "eddsa-rdfc-2022",
    "proofPurpose": "assertionMethod",
    "proofValue": "z3XrH3diVCqpVHXkE7WbnictqyQCkJBGTx....NRTzmuoWU1Y2FyqGfSV9eS",
}
SEAL = {"type": "Property", "entityIdSealed": STORE, "entityTypeSealed": "Store", "value": PROOF}
SEALED = {"type": "Property", "value": ADDRESS, "ngsildproof": SEAL}
LOCATION = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [57.5522, -20.3484]}}
DOCUMENT = {"id": STORE, "type": "Store", "address": SEALED, "location": LOCATION}
SINCE = {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z", "timeproperty": "modifiedAt"}
OTHER_NAMES = {"@context": {"Shop": f"{DEFAULT}Store", "address": f"{DEFAULT}address"}}


@pytest.fixture
def store(server: Client) -> Iterator[Client]:
    """The server with the store of the annex."""
    assert server.post(ENTITIES, DOCUMENT).status == 201
    yield server
    server.delete(address_of(STORE))


def seal_of(server: Client, **query: Any) -> Any:
    return server.read(STORE, **query)["address"].get("ngsildproof")


def test_a_seal_is_told_as_it_was_written_where_attributes_have_members(store: Client) -> None:
    assert store.read(STORE) == DOCUMENT
    assert store.read(STORE, format="concise")["address"] == {"value": ADDRESS, "ngsildproof": SEAL}
    assert store.read(STORE, format="simplified")["address"] == ADDRESS
    [feature] = store.get(ENTITIES, {"Accept": "application/geo+json"}, type="Store").json["features"]
    assert feature["properties"]["address"] == SEALED
    history = store.get(f"{V1}/temporal/entities/{STORE}", **SINCE).json
    assert history["address"][0]["ngsildproof"] == SEAL


def test_the_sealed_type_is_a_term_of_the_context_that_is_asked_in(store: Client) -> None:
    assert store.post(f"{V1}/jsonldContexts", OTHER_NAMES).status == 201
    url = store.get(f"{V1}/jsonldContexts", kind="hosted").json[-1]
    link = f'<{url}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
    shown = store.get(address_of(STORE), {"Link": link}).json
    assert (shown["type"], shown["address"]["ngsildproof"]) == ("Shop", {**SEAL, "entityTypeSealed": "Shop"})


def test_a_seal_stays_until_it_is_changed_or_the_whole_attribute_is(store: Client) -> None:
    assert store.patch(address_of(STORE), {"address": {"value": {"postalCode": "1"}}}).status == 204
    shown = store.read(STORE)["address"]
    assert (shown["value"], shown["ngsildproof"]) == ({**ADDRESS, "postalCode": "1"}, SEAL)
    merge = {"address": {"ngsildproof": {"value": {"proofValue": "new", "created": "urn:ngsi-ld:null"}}}}
    assert store.patch(address_of(STORE), merge).status == 204
    left = {name: one for name, one in PROOF.items() if name != "created"}
    assert seal_of(store) == {**SEAL, "value": {**left, "proofValue": "new"}}
    assert store.patch(f"{address_of(STORE)}/attrs/address", {"value": 1}).status == 204
    assert seal_of(store)["value"]["proofValue"] == "new"
    assert store.patch(f"{address_of(STORE)}/attrs/address", {"ngsildproof": SEAL}).status == 204
    assert seal_of(store) == SEAL
    assert store.patch(f"{address_of(STORE)}/attrs/address", {"ngsildproof": "urn:ngsi-ld:null"}).status == 204
    assert seal_of(store) is None
    assert store.patch(f"{address_of(STORE)}/attrs", {"address": SEALED}).status == 204
    assert seal_of(store) == SEAL
    assert store.patch(f"{address_of(STORE)}/attrs", {"address": {"type": "Property", "value": ADDRESS}}).status == 204
    assert seal_of(store) is None


def test_a_seal_is_part_of_notifications(store: Client, receiver: Receiver) -> None:
    document = {
        "type": "Subscription",
        "entities": [{"type": "Store"}],
        "notification": {"endpoint": {"uri": f"{receiver.address}/sealed"}},
    }
    assert store.post(SUBSCRIPTIONS, document).status == 201
    assert store.patch(f"{address_of(STORE)}/attrs", {"address": {**SEALED, "value": "elsewhere"}}).status == 204
    [told] = receiver.wait("/sealed")[0].document["data"]
    assert told["address"]["ngsildproof"] == SEAL


@pytest.mark.parametrize(
    "seal",
    [
        4,
        [SEAL],
        {"type": "Property"},
        {**SEAL, "value": "proof"},
        {**SEAL, "type": "Relationship"},
        {**SEAL, "entityIdSealed": "no uri"},
        {**SEAL, "entityTypeSealed": 1},
        {**SEAL, "value": {**PROOF, "created": "urn:ngsi-ld:null"}},
    ],
)
def test_what_is_no_seal_is_refused(server: Client, seal: Any) -> None:
    document = {"id": "urn:ngsi-ld:Store:3", "type": "Store", "address": {**SEALED, "ngsildproof": seal}}
    assert server.post(ENTITIES, document).problem == (400, "BadRequestData")


@pytest.mark.parametrize("member", ["entityIdSealed", "entityTypeSealed"])
def test_what_is_sealed_is_told_in_seals_only(server: Client, member: str) -> None:
    document = {"id": "urn:ngsi-ld:Store:3", "type": "Store", "address": {"type": "Property", "value": 1, member: STORE}}
    assert server.post(ENTITIES, document).problem == (400, "BadRequestData")


def test_a_seal_comes_from_a_source_as_well(server: Client, tmp_path: Any) -> None:
    with running("serve", "--dev", "--data", str(tmp_path), "--port", "0", "--log", "warning") as city:
        other = Client(city.ready())
        assert other.post(ENTITIES, DOCUMENT).status == 201
        registration = {
            "type": "ContextSourceRegistration",
            "information": [{"entities": [{"type": "Store"}]}],
            "operations": ["retrieveEntity", "queryEntity", "retrieveTemporal"],
            "endpoint": other.address,
        }
        reply = server.post(f"{V1}/csourceRegistrations", registration)
        assert reply.status == 201
        assert server.read(STORE) == DOCUMENT
        assert server.find(type="Store") == [DOCUMENT]
        assert server.get(f"{V1}/temporal/entities/{STORE}", **SINCE).json["address"][0]["ngsildproof"] == SEAL
        assert server.delete(reply.headers["location"]).status == 204
