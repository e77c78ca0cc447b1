"""Build the bundled base map: land, Japan's prefecture lines, one prefecture's municipality lines, place labels.

Law rules (console.md 5): the world outline is Natural Earth's *land mask* only, so there is neither a country border
nor a country name in the result; Japan's land and lines come from 国土数値情報 (行政区域), whose credit the map shows.

Usage: python tools/basemap.py --land land-110m.json --prefectures prefectures.json
       --municipalities N03-21_37_210101.json --districts community_centers.xlsx
Writes land.json, lines.json and labels.json (GeoJSON, longitude/latitude in degrees, 4 decimals = 11 m).
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

import python_calamine
import shapely
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box, mapping, shape
from shapely.geometry.base import BaseGeometry
from shapely.ops import linemerge

OUT = Path(__file__).resolve().parents[1] / "src/machinami/entrypoints/web/static/base"
DETAIL = box(132.6, 33.2, 135.6, 35.1)
FAR_TOLERANCE_DEG = 0.006
SEAM_DEG = 0.05
SLIVER_DEG = 0.003

ROMAJI = {
    "37201": "Takamatsu", "37202": "Marugame", "37203": "Sakaide", "37204": "Zentsuji", "37205": "Kan'onji",
    "37206": "Sanuki", "37207": "Higashikagawa", "37208": "Mitoyo", "37322": "Tonosho", "37324": "Shodoshima",
    "37341": "Miki", "37364": "Naoshima", "37386": "Utazu", "37387": "Ayagawa", "37403": "Kotohira", "37404": "Tadotsu",
    "37406": "Manno",
}  # fmt: skip
# In the order of their codes, 01 to 47.
PREFECTURES_EN = (  # noqa: SIM905
    "Hokkaido Aomori Iwate Miyagi Akita Yamagata Fukushima Ibaraki Tochigi Gunma Saitama Chiba Tokyo Kanagawa Niigata "
    "Toyama Ishikawa Fukui Yamanashi Nagano Gifu Shizuoka Aichi Mie Shiga Kyoto Osaka Hyogo Nara Wakayama Tottori Shimane "
    "Okayama Hiroshima Yamaguchi Tokushima Kagawa Ehime Kochi Fukuoka Saga Nagasaki Kumamoto Oita Miyazaki Kagoshima Okinawa"
).split()


def topology_polygons(topology: dict[str, Any]) -> list[Polygon]:
    """The polygons of a quantised TopoJSON's only object (arcs are delta-encoded; ~i means arc i reversed)."""
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for arc in topology["arcs"]:
        x = y = 0
        points = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            points.append((x * sx + tx, y * sy + ty))
        arcs.append(points)

    def ring(indexes: list[int]) -> list[tuple[float, float]]:
        points: list[tuple[float, float]] = []
        for index in indexes:
            arc = arcs[index] if index >= 0 else arcs[~index][::-1]
            points += arc[1:] if points else arc
        return points

    (thing,) = topology["objects"].values()
    groups = [item["arcs"] for item in thing["geometries"]] if "geometries" in thing else [thing["arcs"]]
    return [Polygon(ring(rings[0]), [ring(hole) for hole in rings[1:]]) for group in groups for rings in group]


def read_features(path: Path) -> list[tuple[dict[str, Any], BaseGeometry]]:
    """(properties, geometry) of a GeoJSON file."""
    return [(row["properties"], shape(row["geometry"])) for row in json.loads(path.read_text())["features"]]


def inner_lines(areas: list[BaseGeometry]) -> BaseGeometry:
    """The borders between areas of a coverage, without its outline (the coast is drawn from the land)."""
    outline = shapely.union_all(areas).boundary
    edges = shapely.union_all([area.boundary for area in areas])
    lines = edges.difference(outline.buffer(1e-7))
    return linemerge(lines) if lines.geom_type != "LineString" else lines


def near_and_far(geometry: BaseGeometry) -> list[BaseGeometry]:
    """Full detail inside `DETAIL`, simplified outside; the two overlap by `SEAM_DEG` so that no seam shows."""
    far = geometry.simplify(FAR_TOLERANCE_DEG)
    if isinstance(geometry, Polygon | MultiPolygon):
        return [geometry.intersection(DETAIL), far.buffer(0).difference(DETAIL.buffer(-SEAM_DEG))]
    return [geometry.intersection(DETAIL), far.difference(DETAIL)]


def feature(geometry: BaseGeometry, **properties: object) -> dict[str, Any]:
    rounded = json.loads(json.dumps(mapping(geometry)), parse_float=lambda text: round(float(text), 4))
    return {"type": "Feature", "properties": properties, "geometry": rounded}


def write(name: str, features: list[dict[str, Any]]) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    body = {"type": "FeatureCollection", "features": features}
    path = OUT / name
    path.write_text(json.dumps(body, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(f"{path.name}: {path.stat().st_size:,} bytes, {len(features)} features")


def build_land(world: list[Polygon], japan: BaseGeometry) -> None:
    """The world's land without Natural Earth's coarse Japan, plus Japan's own outline."""
    hull = japan.buffer(0.3)
    others = [polygon for polygon in world if polygon.intersection(hull).area < 0.3 * polygon.area]
    parts = [part for part in near_and_far(japan) if not part.is_empty]
    write("land.json", [feature(MultiPolygon(others), kind="world"), *[feature(part, kind="japan") for part in parts]])


def district_labels(path: Path) -> list[dict[str, Any]]:
    """Names of districts (地区), taken from the community centre that each of them has."""
    sheet = python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    heading = [str(cell) for cell in sheet[0]]
    lat, lon, name = (heading.index(key) for key in ("latitude", "longitude", "name"))
    rows = []
    for row in sheet[1:]:
        match = re.fullmatch(r"高松市(.+?)コミュニティセンター", str(row[name]).strip())
        if match and row[lat] and row[lon]:
            rows.append(feature(Point(float(row[lon]), float(row[lat])), kind="district", ja=match[1], en=match[1]))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("land", "prefectures", "municipalities", "districts"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args()
    prefectures = [row for row in read_features(given.prefectures) if row[0].get("N03_001")]
    towns = read_features(given.municipalities)
    japan = shapely.union_all([geometry for _, geometry in (*prefectures, *towns)])
    japan = MultiPolygon([without_slivers(part) for part in japan.geoms])
    build_land(topology_polygons(json.loads(given.land.read_text())), japan)

    border = inner_lines([geometry for _, geometry in prefectures])
    lines = [feature(part, kind="prefecture") for part in near_and_far(border) if not part.is_empty]
    write("lines.json", [*lines, feature(inner_lines([geometry for _, geometry in towns]), kind="municipality")])

    labels = [
        feature(largest(geometry).representative_point(), kind="prefecture", ja=str(about["N03_001"]), en=english)
        for (about, geometry), english in zip(prefectures, PREFECTURES_EN, strict=True)
    ]
    labels += [
        feature(label_point(geometry), kind="municipality", ja=about["N03_004"], en=ROMAJI[about["N03_007"]])
        for about, geometry in towns
    ]
    write("labels.json", labels + district_labels(given.districts))


def without_slivers(part: Polygon) -> Polygon:
    """The polygon without the thin holes that appear where two outlines of one border do not meet."""
    return Polygon(part.exterior, [hole for hole in part.interiors if not Polygon(hole).buffer(-SLIVER_DEG).is_empty])


def largest(geometry: BaseGeometry) -> BaseGeometry:
    """The biggest part of an area: its label goes on the main island."""
    return max(geometry.geoms, key=lambda part: part.area) if isinstance(geometry, MultiPolygon) else geometry


def label_point(geometry: BaseGeometry) -> Point:
    """A point well inside the area (the centre of its widest circle)."""
    circle = shapely.maximum_inscribed_circle(largest(geometry), tolerance=0.001)
    return Point(LineString(circle).coords[0])


if __name__ == "__main__":
    main()
