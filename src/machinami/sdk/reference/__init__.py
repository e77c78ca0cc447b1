"""A second reading of the NGSI-LD query semantics: small, slow, plain Python over one entity at a time (CIM 009 4.9-4.23).

It was written from the standard and shares nothing with the code that answers queries: no parser of `standards`, no rule of
`data`, no SQL. Queries are read from their texts, as a client writes them. The contract tests compare the stores with it
over generated cities, so a mistake must be made twice, in two shapes, to stay hidden.
"""

from __future__ import annotations

from machinami.sdk.reference.ordering import comparison
from machinami.sdk.reference.questions import Question, answers

__all__ = ["Question", "answers", "comparison"]
