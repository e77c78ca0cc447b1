"""How a city is run, as the command line says it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from machinami.bootstrap.profile import Profile, plain_profile
from machinami.kernel.clock import Clock, SystemClock
from machinami.kernel.settings import Settings


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: `data` holds everything of an embedded city; `store` is a DSN of a PostgreSQL instead."""

    data: Path
    store: str = ""
    postgres_bin: Path | None = None
    dev: bool = False
    profile: Profile = field(default_factory=plain_profile)
    settings: Settings = field(default_factory=Settings)
    clock: Clock = field(default_factory=SystemClock)
