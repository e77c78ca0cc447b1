"""Who this installation is among other brokers (CIM 009 5.2.40)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from machinami.kernel.caller import DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class SourceIdentity:
    """`name` is drawn once for an installation, so that two of them never take each other for a loop."""

    name: str
    started_at: datetime

    def alias(self, tenant: str) -> str:
        """Our pseudonym as that tenant's context source: an alias stands for one tenant of a broker."""
        return self.name if tenant == DEFAULT_TENANT else f"{self.name}.{tenant}"


def duration(seconds: int) -> str:
    """Seconds as an ISO 8601 duration."""
    days, rest = divmod(max(0, seconds), 86_400)
    return f"P{days}DT{rest // 3600}H{rest // 60 % 60}M{rest % 60}S"
