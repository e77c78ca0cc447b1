"""What came of operations at sources, collected in memory and counted durably in batches."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from machinami.federation.registrations.model import Figures, Tries
from machinami.federation.registrations.ports import FederationStore

Key = tuple[str, str]


class Tally:
    """Counts tries by registration until `flush` writes them; `shown` adds what is not written yet."""

    def __init__(self, store: FederationStore) -> None:
        self._store = store
        self._pending: dict[Key, Tries] = {}

    def tried(self, tenant: str, registration_id: str, at: datetime, *, failed: bool) -> None:
        """One operation was sent to a source and answered, or failed."""
        before = self._pending.get((tenant, registration_id))
        known = before or Tries(tenant, registration_id, 0, 0, None, None, ends_failed=False)
        self._pending[tenant, registration_id] = replace(
            known,
            sent=known.sent + 1,
            failed=known.failed + failed,
            last_success=known.last_success if failed else at,
            last_failure=at if failed else known.last_failure,
            ends_failed=failed,
        )

    def shown(self, tenant: str, registration_id: str, stored: Figures | None) -> Figures | None:
        """Stored figures with what is not written yet; None for a source that was never asked."""
        pending = self._pending.get((tenant, registration_id))
        return (stored or Figures()).plus(pending) if pending is not None else stored

    def forget(self, tenant: str, registration_id: str) -> None:
        """Drop what is not written of a registration that is gone."""
        self._pending.pop((tenant, registration_id), None)

    def clear(self) -> None:
        """Drop all."""
        self._pending.clear()

    async def flush(self) -> None:
        """Write what was counted; what can't be written now waits for the next time."""
        batch = self._pending
        if not batch:
            return
        self._pending = {}
        try:
            await self._store.count_tries(list(batch.values()))
        except BaseException:
            for key, tries in batch.items():
                later = self._pending.get(key)
                self._pending[key] = _joined(tries, later) if later is not None else tries
            raise


def _joined(first: Tries, later: Tries) -> Tries:
    return replace(
        later,
        sent=first.sent + later.sent,
        failed=first.failed + later.failed,
        last_success=later.last_success or first.last_success,
        last_failure=later.last_failure or first.last_failure,
    )
