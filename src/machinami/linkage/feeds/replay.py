"""Replay: send recorded messages again in their order, on a clock of the replay's own, each labelled `replay`.

The schedule is pure: it says what is due when so much of our time has passed. The messages keep their own times.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

LABEL: Final = "replay"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded message: when it was sent originally, and the bytes."""

    sent_at: datetime
    name: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Due:
    """A recorded message and how many seconds after the start of the replay it goes out."""

    after_s: float
    message: Recorded


def schedule(
    messages: Iterable[Recorded], speed: float, start_after_s: float = 0.0, gap_s_max: float | None = None
) -> tuple[Due, ...]:
    """When each message goes out, in order of original sending (name breaks ties).

    `speed` is recorded seconds per second of ours (1 = as it was); a longer silence than `gap_s_max` of our seconds is
    cut to it, so that a demonstration does not wait for hours.
    """
    if speed <= 0:
        raise ValueError(f"speed {speed} is not positive")
    ordered = sorted(messages, key=lambda message: (message.sent_at, message.name))
    due: list[Due] = []
    after_s = start_after_s
    for number, message in enumerate(ordered):
        if number:
            gap_s = (message.sent_at - ordered[number - 1].sent_at).total_seconds() / speed
            after_s += gap_s if gap_s_max is None else min(gap_s, gap_s_max)
        due.append(Due(after_s, message))
    return tuple(due)


def taken(plan: Sequence[Due], done: int, elapsed_s: float) -> Sequence[Due]:
    """What has come due by `elapsed_s` after the start, when the first `done` messages are already sent."""
    end = done
    while end < len(plan) and plan[end].after_s <= elapsed_s:
        end += 1
    return plan[done:end]


def replay_instant(plan: Sequence[Due], elapsed_s: float) -> datetime | None:
    """The replay's own clock: the recorded time that `elapsed_s` stands for; None before the first message.

    Between two messages it runs evenly from one to the next; after the last it stands.
    """
    before = [one for one in plan if one.after_s <= elapsed_s]
    if not before:
        return None
    last = before[-1]
    if len(before) == len(plan):
        return last.message.sent_at
    following = plan[len(before)]
    share = (elapsed_s - last.after_s) / (following.after_s - last.after_s)
    return last.message.sent_at + timedelta(seconds=share * (following.message.sent_at - last.message.sent_at).total_seconds())
