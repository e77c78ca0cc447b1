"""Use cases of the map and the lists that stand in for it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

from machinami.citymap.features import NAME, feature, label_of, name_of, point_of
from machinami.citymap.model import CityView, Domain, Layer
from machinami.citymap.ports import MapAlarms, MapEntities
from machinami.kernel.caller import Caller
from machinami.kernel.entity import LOCATION, Entity
from machinami.kernel.errors import Refusal
from machinami.kernel.query import EntityQuery, Page, Selector, TypeSelection
from machinami.standards.alerts import ALERT, BULLETIN

AUTOMATIC: Final = "type:"
OTHER: Final = Domain("other", "その他", "Other")
UNMAPPED: Final = frozenset({ALERT, BULLETIN})
"""Types that the map shows in another way, or that are no places."""

FEATURES_MAX: Final = 20_000
PAGE: Final = 1_000
SEARCH_ENTITIES_MAX: Final = 20_000
RESULTS_MAX: Final = 30


class CityMap:
    """The layers of one city. `areas` maps area codes of alarms to GeoJSON geometries; `names()` (ja, en) name types.

    A type that has places but no layer in the profile gets one by itself (con-E3).
    """

    def __init__(
        self, view: CityView, entities: MapEntities, alarms: MapAlarms, areas: Mapping[str, Any],
        names: Callable[[], Mapping[str, tuple[str, str]]],
    ) -> None:  # fmt: skip
        self.view = view
        self._names = names
        self._entities = entities
        self._alarms = alarms
        self._areas = areas
        self._by_type: dict[str, list[Layer]] = {}
        for layer in view.layers:
            self._by_type.setdefault(layer.type, []).append(layer)

    def layers_of(self, entity: Entity, had_place: bool = False) -> list[Layer]:
        """The layers that show an entity, type by type; `had_place`: or that showed it until it lost its place."""
        placed = had_place or LOCATION in entity.attributes
        found: list[Layer] = []
        for kind in entity.types:
            if kind in self._by_type:
                found += self._by_type[kind]
            elif placed and kind not in UNMAPPED:
                found.append(self._automatic(kind))
        return found

    async def layers(self, caller: Caller) -> list[tuple[Layer, int]]:
        """All layers with the number of their entities, in order: the profile's, then those made for other types."""
        counts = await self._entities.counts(caller)
        layers = [(layer, counts.get(layer.type, 0)) for layer in sorted(self.view.layers, key=lambda one: one.order)]
        for kind, count in counts.items():
            if kind not in self._by_type and kind not in UNMAPPED and await self._has_places(caller, kind):
                layers.append((self._automatic(kind), count))
        return layers

    def domains(self) -> list[Domain]:
        """The groups of layers, the one for other types last."""
        return [*self.view.domains, OTHER]

    def _automatic(self, kind: str) -> Layer:
        short = kind.rpartition("/")[2]
        ja, en = self._names().get(kind, (short, short))
        return Layer(f"{AUTOMATIC}{kind}", OTHER.id, ja, en, kind, "#5b6470", "place", 10_000, visible=True)

    async def _has_places(self, caller: Caller, kind: str) -> bool:
        placed = EntityQuery(selectors=of_type(kind).selectors, attributes=(LOCATION,))
        entities, _ = await self._entities.page(caller, placed, Page(1))
        return bool(entities)

    def _layer(self, layer_id: str) -> Layer:
        if layer_id.startswith(AUTOMATIC):
            return self._automatic(layer_id.removeprefix(AUTOMATIC))
        layer = next((one for one in self.view.layers if one.id == layer_id), None)
        if layer is None:
            raise Refusal("citymap.layer.does_not_exist", layer=layer_id)
        return layer

    async def features(self, caller: Caller, layer_id: str) -> dict[str, Any]:
        """The GeoJSON of a layer; `truncated` says that there is more than the map takes."""
        layer = self._layer(layer_id)
        alarms = await self._alarms.by_entity(caller)
        found: list[dict[str, Any]] = []
        after, more = 0, True
        while more and len(found) < FEATURES_MAX:
            entities, more = await self._entities.page(caller, of_type(layer.type), Page(PAGE, after_sequence=after))
            for entity in entities:
                drawn = feature(entity, layer, *alarms.get(entity.id, (0, None)))
                if drawn is not None:
                    found.append(drawn)
            after = entities[-1].sequence if entities else after
        return {"type": "FeatureCollection", "features": found, "truncated": more}

    async def area_alarms(self, caller: Caller) -> dict[str, Any]:
        """Areas with an open alarm, as GeoJSON; an area without a known shape has geometry null."""
        return {
            "type": "FeatureCollection",
            "features": [
                {"type": "Feature", "geometry": self._areas.get(row["area_code"]), "properties": row}
                for row in await self._alarms.areas(caller)
            ],
        }

    async def search(self, caller: Caller, text: str) -> list[dict[str, Any]]:
        """Coordinates, an entity id, or names that hold the text (width and case don't matter); best first."""
        wanted = folded(text)
        if not wanted:
            return []
        position = coordinates(text)
        if position is not None:
            lon, lat = position
            return [{"kind": "coordinate", "id": "", "name": f"{lat:.6f}, {lon:.6f}", "type": "", "lat": lat, "lon": lon}]
        if text.strip().startswith("urn:"):
            query = EntityQuery(selectors=(Selector(ids=frozenset([text.strip()])),))
            entities, _ = await self._entities.page(caller, query, Page(1))
            return [_result(entity) for entity in entities]
        ranked = []
        for entity in await self._named(caller):
            name = folded(name_of(entity))
            if wanted in name or wanted in folded(name_of(entity, "en")):
                ranked.append((name != wanted, not name.startswith(wanted), len(name), entity.sequence, entity))
        ranked.sort(key=lambda row: row[:4])
        return [_result(row[-1]) for row in ranked[:RESULTS_MAX]]

    async def _named(self, caller: Caller) -> list[Entity]:
        found: list[Entity] = []
        after, more = 0, True
        while more and len(found) < SEARCH_ENTITIES_MAX:
            query = EntityQuery(attributes=(NAME,))
            entities, more = await self._entities.page(caller, query, Page(PAGE, after_sequence=after))
            found += entities
            after = entities[-1].sequence if entities else after
        return found

    async def types(self, caller: Caller) -> list[dict[str, Any]]:
        """Types in use with counts and, where a layer shows them, their names."""
        rows = []
        for kind, count in (await self._entities.counts(caller)).items():
            layers = self._by_type.get(kind, [])
            short = kind.rpartition("/")[2]
            rows.append(
                {
                    "type": short, "iri": kind, "count": count,
                    "name_ja": layers[0].ja if layers else self._names().get(kind, (short, short))[0],
                    "name_en": layers[0].en if layers else self._names().get(kind, (short, short))[1],
                }
            )  # fmt: skip
        return rows

    async def listing(self, caller: Caller, kind: str | None, text: str, limit: int, after: int) -> dict[str, Any]:
        """A page of entities as rows; `kind` is a short or expanded type, `text` must be in the name or id.

        At most `SEARCH_ENTITIES_MAX` entities are looked at for one page: it may be short although `next` says there is more.
        """
        query = EntityQuery(attributes=(NAME,)) if kind is None else of_type(await self._expanded(caller, kind))
        wanted = folded(text)
        rows: list[dict[str, Any]] = []
        more, seen = True, 0
        while more and len(rows) < limit and seen < SEARCH_ENTITIES_MAX:
            entities, more = await self._entities.page(caller, query, Page(PAGE if wanted else limit, after_sequence=after))
            seen += len(entities)
            for place, entity in enumerate(entities):
                after = entity.sequence
                if not wanted or wanted in folded(name_of(entity)) or wanted in folded(entity.id):
                    rows.append(_row(entity))
                    if len(rows) == limit:
                        more = more or place + 1 < len(entities)
                        break
            if not entities:
                break
        return {"rows": rows, "next": after if more else None}

    async def _expanded(self, caller: Caller, kind: str) -> str:
        for iri in await self._entities.counts(caller):
            if kind in (iri, iri.rpartition("/")[2]):
                return iri
        raise Refusal("data.type.does_not_exist", type=kind[:100])


def of_type(kind: str) -> EntityQuery:
    """All entities of one expanded type."""
    return EntityQuery(selectors=(Selector(types=TypeSelection((frozenset([kind]),))),))


def folded(text: str) -> str:
    """Text for comparing names: full and half width (kana too), case and blanks don't matter."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def coordinates(text: str) -> tuple[float, float] | None:
    """(longitude, latitude) of `34.34, 134.05` (latitude first) or, where only that can be meant, `134.05 34.34`."""
    parts = unicodedata.normalize("NFKC", text).replace(",", " ").replace("、", " ").split()
    if len(parts) != 2:
        return None
    try:
        first, second = float(parts[0]), float(parts[1])
    except ValueError:
        return None
    if -90 <= first <= 90 and -180 <= second <= 180:
        return second, first
    return (first, second) if -90 <= second <= 90 and -180 <= first <= 180 else None


def _result(entity: Entity) -> dict[str, Any]:
    position = point_of(entity)
    lon, lat = position if position else (None, None)
    short = entity.types[0].rpartition("/")[2]
    return {"kind": "entity", "id": entity.id, "name": name_of(entity), "type": short, "lat": lat, "lon": lon}


def _row(entity: Entity) -> dict[str, Any]:
    return {**_result(entity), "modified_at": entity.modified_at, "label": label_of(entity)}
