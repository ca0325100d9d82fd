"""What was answered: scores, labels, confidence and values, as far as a log holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.codec import strongest
from wellhead.core.exposure import Exposure
from wellhead.meter.profile import Profile

if TYPE_CHECKING:
    import duckdb

_MOST = 1 << 31
"""A larger number is the name of a class, not its place."""
_SUM = 0.02
"""Scores whose sum is within so much of 1, and none of them negative, are probabilities."""


class Answers(NamedTuple):
    """Columns of Batch, n rows."""

    given: Array
    top1: Array
    confidence: Array
    scores: Array
    score_classes: Array
    classes: int
    values: Array


class Labels:
    """Numbers the class names that a log uses: the profile's order where it has names, else as they come."""

    def __init__(self, profile: Profile | None) -> None:
        names = profile.spec.classes if profile is not None else ()
        self._numbers = {name: i for i, name in enumerate(names)}

    def of(self, words: Array) -> Array:
        """(n,) int64, -1 for None; a word that is an integer stands for itself."""
        numbers = self._numbers
        distinct, inverse = np.unique(words.astype(str), return_inverse=True)
        known = [self._number(w, numbers) for w in distinct.tolist()]
        return np.array(known, np.int64)[inverse]

    def _number(self, word: str, numbers: dict[str, int]) -> int:
        if word in numbers:
            return numbers[word]
        if word in ("", "None", "null"):
            return -1
        try:
            number = max(int(float(word)), -1)
        except (ValueError, OverflowError):
            number = _MOST
        return number if number < _MOST else numbers.setdefault(word, len(numbers))


def read_answers(cursor: duckdb.DuckDBPyConnection, some: Array, rows: Array, labels: Labels, given: int) -> Answers:
    """The answers to the requests `some` (indices into the table `asked`), each with so many rows.

    given: Exposure of answers where the log says nothing of itself, -1 unknown.  Answers that have not as many rows as
    their request count as not there.
    """
    there = _there(cursor)
    n = int(rows.sum())
    exposed, confidence = (
        np.full(n, max(given, 0), np.uint8),
        _each(cursor, "confidence", some, rows, np.nan).astype(np.float32),
    )
    values = _listed(cursor, "values", some, rows) if there["values"] else np.full(n, np.nan)
    top1 = np.full(n, -1, np.int64)
    if there["labels"]:
        top1 = labels.of(_listed_words(cursor, some, rows))
    table = _scores(cursor, some, rows) if there["scores"] else None
    scores, classes, kinds = np.zeros((n, 0), np.int8), np.zeros((0, 0), np.uint16), 0
    if table is not None:
        p, rich = _probabilities(table)
        kept, order = strongest(np.nan_to_num(p))
        scores, kinds = kept, p.shape[1]
        classes = classes if order is None else order
        known = np.isfinite(p).all(axis=1)
        top1 = np.where(known & (top1 < 0), np.nan_to_num(p).argmax(axis=1), top1)
        confidence = np.where(known, np.nan_to_num(p).max(axis=1), confidence).astype(np.float32)
        exposed = np.where(known, rich, exposed).astype(np.uint8)
    return Answers(_exposed(exposed, given, top1, confidence, values), top1, confidence, scores, classes, kinds, values)


def _exposed(exposed: Array, given: int, top1: Array, confidence: Array, values: Array) -> Array:
    """What was given, by what is there: a value, a class with its confidence, or a class."""
    if given >= 0:
        return exposed
    guess = np.where(top1 >= 0, int(Exposure.LABEL), 0)
    guess = np.where(~np.isnan(confidence), int(Exposure.TOP_K), guess)
    guess = np.where(~np.isnan(values), int(Exposure.VALUE), guess)
    return np.where(exposed > 0, exposed, guess).astype(np.uint8)


def _there(cursor: Any) -> dict[str, bool]:
    words = ("values", "labels", "scores", "confidence")
    counts = cursor.execute(f"SELECT {', '.join(f'count({w})' for w in words)} FROM asked").fetchone()  # noqa: S608
    return {word: bool(n) for word, n in zip(words, counts, strict=True)}


def _each(cursor: Any, column: str, some: Array, rows: Array, missing: float) -> Array:
    """(n,) one number a request, repeated for its rows."""
    found = cursor.execute(f"SELECT {column} AS x FROM asked").fetchnumpy()["x"]  # noqa: S608
    plain = np.ma.filled(found.astype(np.float64), missing) if isinstance(found, np.ma.MaskedArray) else found
    return np.repeat(np.asarray(plain, np.float64)[some], rows)


def _elements(cursor: Any, column: str, kind: str) -> tuple[Array, Array]:
    """(n,) which request each element of a JSON array is of, and the elements; anything else is one element."""
    found = cursor.execute(
        f"SELECT n, unnest(CASE WHEN json_type(j) = 'ARRAY' THEN TRY_CAST(j AS {kind}[]) ELSE [TRY_CAST(j "  # noqa: S608
        f"->> '$' AS {kind})] END) AS e "
        f"FROM (SELECT row_number() OVER () - 1 AS n, coalesce(TRY_CAST({column} AS JSON), "
        f"to_json({column})) AS j FROM asked) WHERE j IS NOT NULL"
    ).fetchnumpy()
    elements = found["e"]
    if isinstance(elements, np.ma.MaskedArray):
        elements = elements.filled(np.nan if kind == "DOUBLE" else "")
    return np.asarray(found["n"], np.int64), np.asarray(elements)


def _laid(owner: Array, elements: Array, some: Array, rows: Array, missing: Any) -> Array:
    """Elements in the order of the requests' rows; requests that have another number of them are left at `missing`."""
    size = max(int(owner.max(initial=-1)), int(some.max(initial=-1))) + 1
    counts = np.bincount(owner, minlength=size)
    fits = np.zeros(size, bool)
    fits[some] = counts[some] == rows
    out = np.full((int(rows.sum()), *elements.shape[1:]), missing, elements.dtype)
    out[np.repeat(fits[some], rows)] = elements[fits[owner]]
    return out


def _listed(cursor: Any, column: str, some: Array, rows: Array) -> Array:
    owner, elements = _elements(cursor, f'"{column}"', "DOUBLE")
    return _laid(owner, elements.astype(np.float64), some, rows, np.nan)


def _listed_words(cursor: Any, some: Array, rows: Array) -> Array:
    owner, elements = _elements(cursor, "labels", "VARCHAR")
    return _laid(owner, elements.astype(object), some, rows, "")


def _scores(cursor: Any, some: Array, rows: Array) -> Array | None:
    """(n, k) scores, NaN where a row has none; None where there are none of one width."""
    cursor.execute(
        "CREATE OR REPLACE TEMP TABLE told AS SELECT n, unnest(CASE WHEN json_type(j, '$[0]') = 'ARRAY' "
        "THEN TRY_CAST(j AS DOUBLE[][]) ELSE [TRY_CAST(j AS DOUBLE[])] END) AS p "
        "FROM (SELECT row_number() OVER () - 1 AS n, TRY_CAST(scores AS JSON) AS j FROM asked) WHERE "
        "json_type(j) = 'ARRAY'"
    )
    found = cursor.execute("SELECT n, coalesce(len(p), 0) AS w FROM told").fetchnumpy()
    flat = cursor.execute("SELECT unnest(p) AS p FROM told").fetchnumpy()["p"]
    flat = np.asarray(flat.filled(np.nan) if isinstance(flat, np.ma.MaskedArray) else flat)
    owner, widths = np.asarray(found["n"], np.int64), np.asarray(found["w"], np.int64)
    k = int(np.bincount(widths).argmax()) if widths.size else 0
    if not k:
        return None
    good = widths == k
    return _laid(owner[good], flat[np.repeat(good, widths)].reshape(-1, k), some, rows, np.nan)


def _probabilities(table: Array) -> tuple[Array, Array]:
    """(n, k) probabilities, and what each row gives away; what is none is taken for logits."""
    total = table.sum(axis=1)
    plain = (table >= 0).all(axis=1) & (np.abs(total - 1.0) <= _SUM)
    with np.errstate(all="ignore"):
        e = np.exp(table - table.max(axis=1, keepdims=True))
        p = np.where(plain[:, None], table, e / e.sum(axis=1, keepdims=True))
    return p, np.where(plain, int(Exposure.PROBABILITIES), int(Exposure.LOGITS))
