import numpy as np

from wellhead.capture.importers.callers import Callers
from wellhead.capture.importers.fields import WORDS
from wellhead.store.columns import connect


def block(cursor, rows):
    listed = ", ".join(f"{w} VARCHAR" for w in WORDS)
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE asked (caller VARCHAR, {listed})")
    cursor.executemany("INSERT INTO asked (caller, plan, agent) VALUES (?, ?, ?)", rows)
    return np.asarray(cursor.execute("SELECT hash(caller) AS h FROM asked").fetchnumpy()["h"])


def test_names_rows_and_pairs_so_far():
    callers = Callers()
    with connect() as cursor:
        first = [("a", "pro", "x"), ("b", None, "x"), ("a", "pro", "y")]
        names, principal, pairs = callers.of(cursor, block(cursor, first))
        assert [names[i] for i in principal] == ["a", "b", "a"]
        assert dict(zip(names, pairs, strict=True))["a"] == {("plan", "pro"), ("agent", "x"), ("agent", "y")}
        names, principal, pairs = callers.of(cursor, block(cursor, [("b", "free", None), ("c", None, None)]))
        known = dict(zip(names, pairs, strict=True))
        assert known == {"b": {("agent", "x"), ("plan", "free")}, "c": frozenset()}
