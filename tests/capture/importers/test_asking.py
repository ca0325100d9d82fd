import json

import numpy as np
from metering import classifier, inputs

from wellhead.capture.importers.asking import read_inputs
from wellhead.meter.traits import traits
from wellhead.store.columns import connect


def asked(bodies, profile=None, rows=None, some=None):
    with connect() as cursor:
        cursor.execute("CREATE TEMP TABLE asked (inputs VARCHAR)")
        cursor.executemany("INSERT INTO asked VALUES (?)", [[None if b is None else json.dumps(b)] for b in bodies])
        told = np.ones(len(bodies), np.int64) if rows is None else np.array(rows)
        return read_inputs(cursor, np.arange(len(bodies)) if some is None else np.array(some), told, profile)


def test_tables_rows_and_what_is_missing():
    x = inputs(3)
    found = asked([x[:2].tolist(), None, x[2].tolist(), [[1, 2]]], classifier(), [1, 2, 1, 1])
    assert found.rows.tolist() == [2, 2, 1, 1]
    codes = classifier().code(x)
    np.testing.assert_array_equal(found.codes[[0, 1, 4]], codes)
    assert not found.codes[[2, 3, 5]].any()
    assert (found.fingerprint[[2, 3]] == 0).all()


def test_equal_inputs_have_equal_fingerprints_whatever_request_they_came_in():
    found = asked([[[1, 2], [3, 4]], [[3, 4]], [3, 4]])
    assert found.fingerprint[1] == found.fingerprint[2] == found.fingerprint[3] != found.fingerprint[0]


def test_only_the_chosen_requests_are_read_and_traits_need_no_profile():
    x = inputs(4)
    found = asked([row.tolist() for row in x], some=[1, 3])
    np.testing.assert_array_equal(found.traits, traits(x[[1, 3]]))
    assert found.codes.shape == (2, 0)


def test_texts():
    found = asked([["ab", "cd"], "ab"])
    assert found.rows.tolist() == [2, 1]
    assert found.fingerprint[0] == found.fingerprint[2]
    np.testing.assert_array_equal(found.traits, traits(["ab", "cd", "ab"]))


def test_without_inputs_rows_are_what_the_log_says():
    found = asked([None, None], rows=[3, 0])
    assert (found.rows.tolist(), found.fingerprint) == ([3, 1], None)
