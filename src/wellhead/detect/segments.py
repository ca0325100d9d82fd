"""Who is judged among whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from wellhead.meter.view import Attribute

EVERYBODY = "everybody"
_BANDS = ((1_000, "<1k"), (10_000, "1k-10k"), (100_000, "10k-100k"), (1_000_000, "100k-1M"))
_LARGEST = ">1M"


def band(rows_before: int | None) -> str:
    """The volume band of a principal: of its rows in the period before, so that it is known when a period starts.

    0: it was not there then, and is `new`.  None: nobody knows, because the log begins with this period; it is `first`.
    """
    if not rows_before:
        return "first" if rows_before is None else "new"
    return next((word for bound, word in _BANDS if rows_before < bound), _LARGEST)


class Segments(msgspec.Struct, frozen=True):
    """Names the segment of a principal: those alike in `words` (use, plan, band) are exchangeable, it is assumed.

    declared: (attribute, value) pairs of registered principals, for what their requests do not say themselves.
    """

    words: tuple[str, ...] = ("use", "band")
    declared: Mapping[str, tuple[Attribute, ...]] = {}

    def of(self, attributes: Iterable[Attribute], rows_before: int | None, name: str = "") -> str:
        """Such as `use=batch band=1k-10k`; `everybody` without words. What is not known is `none`.

        attributes: (attribute, value) pairs of the principal; where it was seen with several plans or uses, all count.
        """
        known = {"band": [band(rows_before)]}
        for attribute, value in sorted(attributes):
            known.setdefault(attribute, []).append(value)
        for attribute, value in self.declared.get(name, ()):
            known.setdefault(attribute, [value])
        return " ".join(f"{w}={'+'.join(known.get(w, ['none']))}" for w in self.words) or EVERYBODY


def counted(segments: Sequence[str]) -> dict[str, int]:
    """How often each segment occurs."""
    found: dict[str, int] = {}
    for segment in segments:
        found[segment] = found.get(segment, 0) + 1
    return found
