"""Base maps beside the bundled one: known online sources that an administrator switches on (console.md 5).

Their tiles go from the source to the browser; nothing here fetches, keeps or copies one (Survey Act, arts. 29 and 30).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from machinami.kernel.errors import Refusal

GSI_TERMS: Final = "https://maps.gsi.go.jp/development/ichiran.html"
"""GSI's list of its tiles with their terms: the page that a credit of 地理院タイル points to."""


@dataclass(frozen=True, slots=True)
class OnlineBasemap:
    """Raster tiles of 256 pixels on the web: `url` has `{z}`, `{x}`, `{y}`; `link` is the page of their terms."""

    id: str
    ja: str
    en: str
    url: str
    min_zoom: int
    max_zoom: int
    credit_ja: str
    credit_en: str
    link: str

    @property
    def origin(self) -> str:
        """Scheme and host, as a Content Security Policy names them."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def document(self) -> dict[str, Any]:
        """Its row in `/api/city`."""
        return {
            "id": self.id, "name_ja": self.ja, "name_en": self.en, "kind": "raster", "url": self.url,
            "min_zoom": self.min_zoom, "max_zoom": self.max_zoom,
            "credit_ja": self.credit_ja, "credit_en": self.credit_en, "link": self.link,
        }  # fmt: skip


def _gsi(name: str, ja: str, en: str, source: str, form: str, min_zoom: int, more: tuple[str, str] = ("", "")) -> OnlineBasemap:
    url = f"https://cyberjapandata.gsi.go.jp/xyz/{source}/{{z}}/{{x}}/{{y}}.{form}"
    credit_ja = f"国土地理院(地理院タイル){more[0]}"
    credit_en = f"Geospatial Information Authority of Japan (GSI Tiles){more[1]}"
    return OnlineBasemap(f"gsi-{name}", ja, en, url, min_zoom, 18, credit_ja, credit_en, GSI_TERMS)


_SATELLITES: Final = (
    " / GRUS画像(© Axelspace)、Landsat8画像(GSI, TSIC, GEO Grid/AIST)、Landsat8画像(courtesy of the U.S. Geological Survey)、"
    "海底地形(GEBCO)",
    " / GRUS (© Axelspace), Landsat 8 (GSI, TSIC, GEO Grid/AIST; courtesy of the U.S. Geological Survey), GEBCO",
)
ONLINE: Final = {
    one.id: one
    for one in (
        _gsi("std", "地理院 標準地図", "GSI standard", "std", "png", 5),
        _gsi("pale", "地理院 淡色地図", "GSI pale", "pale", "png", 5),
        _gsi("photo", "地理院 写真", "GSI photo", "seamlessphoto", "jpg", 2, _SATELLITES),
    )
}


def online_basemaps(setting: str) -> tuple[OnlineBasemap, ...]:
    """The sources that the setting `online_basemaps` names, comma-separated; Refusal `citymap.basemap.unknown`."""
    wanted = dict.fromkeys(name for part in setting.split(",") if (name := part.strip()))
    for name in wanted:
        if name not in ONLINE:
            raise Refusal("citymap.basemap.unknown", name=name[:60], known=", ".join(ONLINE))
    return tuple(ONLINE[name] for name in wanted)


def origins(basemaps: Iterable[OnlineBasemap]) -> tuple[str, ...]:
    """The origins of their tiles, each once."""
    return tuple(dict.fromkeys(one.origin for one in basemaps))
