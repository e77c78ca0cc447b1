"""A position in the text of a query: the little that the recursive-descent parsers of 4.9, 4.17 and 4.19 share."""

from __future__ import annotations

from machinami.kernel.errors import Refusal


class Cursor:
    """Reads `text` from left to right and counts parts against a budget.

    `fail` gives Refusal `ngsi_ld.query.not_valid` (language, position from 1, reason, text); `spend` refuses with
    `ngsi_ld.query.too_complex` once more than `nodes_max` parts are read.
    """

    __slots__ = ("at", "language", "nodes", "nodes_max", "text")

    def __init__(self, language: str, text: str, nodes_max: int) -> None:
        self.language = language
        self.text = text
        self.at = 0
        self.nodes = 0
        self.nodes_max = nodes_max

    def peek(self) -> str:
        """The next character, "" at the end."""
        return self.text[self.at : self.at + 1]

    def take(self, token: str) -> bool:
        """Step over `token` if it comes next."""
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def spend(self) -> None:
        self.nodes += 1
        if self.nodes > self.nodes_max:
            raise Refusal("ngsi_ld.query.too_complex", language=self.language, nodes_max=self.nodes_max)

    def fail(self, reason: str, at: int | None = None) -> Refusal:
        position = (self.at if at is None else at) + 1
        return Refusal(
            "ngsi_ld.query.not_valid", language=self.language, position=position, reason=reason, text=self.text[:200]
        )
