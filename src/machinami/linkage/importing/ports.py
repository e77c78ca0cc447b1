"""What the import needs from others, named by the need."""

from __future__ import annotations

from typing import Protocol

from machinami.linkage.importing.mapping import SheetMapping


class Progress(Protocol):
    """Told how far a long step is: `done` of `total` rows in `phase` (a sheet's name)."""

    def __call__(self, phase: str, done: int, total: int) -> None: ...


class MappingStore(Protocol):
    """Where mappings that people saved are kept."""

    async def mappings(self, tenant: str) -> tuple[SheetMapping, ...]:
        """All mappings of a tenant."""

    async def save_mapping(self, tenant: str, mapping: SheetMapping) -> None:
        """Keep a mapping; one of the same fingerprint and publication is replaced."""
