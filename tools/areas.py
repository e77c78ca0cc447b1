"""Make `cities/<profile>/areas.json`: shapes of the areas that alarms name, from the municipalities of a prefecture.

Usage: python tools/areas.py N03.json cities/takamatsu/areas.json 590,370000,610=* 3720100=37201
Each argument is `code[,code…]=municipality codes`, `*` for all. Source: 国土数値情報(行政区域データ), to be credited.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from shapely.geometry import mapping, shape
from shapely.ops import unary_union

TOLERANCE_DEGREES = 0.0008
AREA_MIN = 2e-6


def main() -> None:
    source, target, *wanted = sys.argv[1:]
    features = json.loads(Path(source).read_text("utf-8"))["features"]
    areas = {}
    for argument in wanted:
        codes, _, towns = argument.partition("=")
        chosen = [
            shape(one["geometry"]) for one in features if towns == "*" or one["properties"]["N03_007"] in towns.split(",")
        ]
        joined = unary_union(chosen).buffer(0)
        parts = [part for part in getattr(joined, "geoms", [joined]) if part.area > AREA_MIN]
        geometry = mapping(unary_union(parts).simplify(TOLERANCE_DEGREES))
        for code in codes.split(","):
            areas[code] = _rounded(geometry)
    Path(target).write_text(json.dumps(areas, separators=(",", ":")) + "\n", "utf-8")


def _rounded(geometry: dict[str, object]) -> dict[str, object]:
    return json.loads(json.dumps(geometry), parse_float=lambda text: round(float(text), 4))


if __name__ == "__main__":
    main()
