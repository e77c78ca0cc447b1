"""The pages' one template; loaded when the first page is shown."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

_TEMPLATES: Final = Path(__file__).resolve().parent / "templates"


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(import_map: str, **values: Any) -> str:
    """The page; `import_map` is our own constant, no visitor's text is in it."""
    return _templates().get_template("page.html").render(import_map=Markup(import_map), **values)  # noqa: S704
