"""One entity of several versions (CIM 009 4.5.5)."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from machinami.federation.distribution.merging import Version, merged
from machinami.kernel.entity import Entity

NOW = "2026-06-01T00:00:00Z"
PAST, SOON, LATER = "2026-05-01T00:00:00Z", "2026-07-01T00:00:00Z", "2026-08-01T00:00:00Z"


def version(expires: str | None = None, supplementary: bool = False, **values: Any) -> Version:
    attributes = {name: [{"type": "Property", **one} for one in instances] for name, instances in values.items()}
    return Version(Entity("urn:1", ("T",), attributes, expires_at=expires), supplementary)


def values_of(*versions: Version) -> dict[str, list[Any]]:
    entity = merged(versions, NOW)
    assert entity is not None
    return {name: [one["value"] for one in instances] for name, instances in entity.attributes.items()}


def test_merged_takes_the_instance_observed_last_else_modified_last() -> None:
    early, late = {"observedAt": PAST, "modifiedAt": LATER, "value": 1}, {"observedAt": NOW, "value": 2}
    assert values_of(version(a=[early]), version(a=[late])) == {"a": [2]}
    older, newer = {"modifiedAt": "2026-05-01T09:00:00+09:00", "value": 1}, {"modifiedAt": "2026-05-01T00:00:01Z", "value": 2}
    assert values_of(version(a=[newer]), version(a=[older])) == {"a": [2]}
    assert values_of(version(a=[{"value": 1}]), version(a=[{"value": 2}])) == {"a": [1]}


def test_merged_keeps_instances_of_different_datasets() -> None:
    one, other = {"value": 1}, {"value": 2, "datasetId": "urn:d"}
    assert values_of(version(a=[other]), version(a=[one])) == {"a": [1, 2]}


def test_merged_adds_of_an_auxiliary_source_only_what_nobody_else_has() -> None:
    filler = version(supplementary=True, a=[{"value": 9, "observedAt": LATER}], b=[{"value": 9}])
    assert values_of(filler, version(a=[{"value": 1}])) == {"a": [1], "b": [9]}


def test_merged_discards_what_has_expired() -> None:
    assert merged([version(PAST, a=[{"value": 1}])], NOW) is None
    assert values_of(version(a=[{"value": 1, "expiresAt": PAST}]), version(b=[{"value": 2}])) == {"b": [2]}


def test_merged_lets_attributes_of_a_transient_version_end_with_it() -> None:
    entity = merged([version(SOON, a=[{"value": 1}], b=[{"value": 1, "expiresAt": PAST}]), version(c=[{"value": 2}])], NOW)
    assert entity is not None
    assert entity.expires_at is None
    assert (entity.attributes["a"][0]["expiresAt"], "b" in entity.attributes) == (SOON, False)
    both = merged([version(SOON, a=[{"value": 1}]), version(LATER, c=[{"value": 2}])], NOW)
    assert both is not None
    assert both.expires_at == LATER


instances = st.fixed_dictionaries(
    {"value": st.integers(0, 9)},
    optional={"observedAt": st.sampled_from([PAST, NOW, SOON]), "modifiedAt": st.sampled_from([PAST, NOW, SOON])},
)


@given(st.lists(st.dictionaries(st.sampled_from("ab"), instances), min_size=1, max_size=4))
def test_merged_has_an_instance_that_no_version_beats(given_versions: list[dict[str, dict[str, Any]]]) -> None:
    entity = merged([version(**{name: [one] for name, one in each.items()}) for each in given_versions], NOW)
    assert entity is not None
    for name in {name for each in given_versions for name in each}:
        chosen = entity.attributes[name][0]
        rivals = [each[name] for each in given_versions if name in each]
        assert all(_age(chosen) >= _age(one) for one in rivals)
        assert any(chosen["value"] == one["value"] for one in rivals)


def _age(instance: dict[str, Any]) -> tuple[str, str]:
    return instance.get("observedAt", ""), instance.get("modifiedAt", "")
