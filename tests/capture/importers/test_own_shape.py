import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metering import classifier

from wellhead.capture.importers import own_lines
from wellhead.capture.importers.blocks import pieces
from wellhead.capture.importers.own import Own
from wellhead.capture.importers.own_shape import Misshapen, Shaped
from wellhead.core.codec import encode_lines
from wellhead.core.event import Coded, Event, Gap

NOW = 1.7e9
PROFILE = classifier().id
TEXT = st.text(st.characters(codec="utf-8"), max_size=5)


def packed(width, fill):
    return base64.b64encode(bytes((fill + i) % 256 for i in range(width))).decode()


def event(i, **changed):
    made = {
        "request": f"r{i}", "time_us": int((NOW + i) * 1e6), "principal": f"p{i % 3}", "model": "m", "rows": 1,
        "status": 200, "given": 3, "asked": 3, "classes": 10, "top1": (i % 10,), "confidence_pm": (i % 1000,),
        "network": f"10.0.{i % 7}.0/24", "endpoint": "/infer?x=1", "profile": PROFILE, "fingerprints": packed(8, i),
        "codes": packed(8, i), "traits": packed(3, i), "scores": packed(10, i),
    }  # fmt: skip
    return Event(**made | changed)


def said(path, looked_at, late=()):
    """Everything that reading gives, and whether lines were taken as of one shape."""
    reader = Own(classifier(), NOW + 1e6, late)
    odd = own_lines._ODD
    try:
        own_lines._ODD = odd if looked_at else 0
        blocks = list(reader.read(path))
    finally:
        own_lines._ODD = odd
    told = [
        (b.batch.names, b.batch.attributes, b.batch.classes, b.visits.names, b.visits.endpoint, b[2:]) for b in blocks
    ]
    plain = [getattr(b.batch, f) for b in blocks for f in b.batch.__struct_fields__]
    plain += [column for b in blocks for column in (b.visits.principal, b.visits.time_s, b.visits.status)]
    arrays = [(a.dtype.str, a.shape, a.tobytes()) for a in plain if isinstance(a, np.ndarray)]
    return (told, arrays, reader.told.lines, reader.told.bad, reader.told.sample), reader._lines._odd == 0


CHANGES = st.one_of(
    st.fixed_dictionaries({"principal": TEXT, "request": TEXT}),
    st.fixed_dictionaries({"endpoint": TEXT, "agent": TEXT, "plan": st.sampled_from(["", "free"])}),
    st.fixed_dictionaries({"status": st.sampled_from([-1, 0, 200, 429, 70_000]), "part": st.integers(0, 2)}),
    st.fixed_dictionaries(
        {"top1": st.sampled_from([(), (-1,), (7,), (123,), (1, 2)]), "rows": st.sampled_from([0, 1, 2])}
    ),
    st.fixed_dictionaries(
        {"confidence_pm": st.sampled_from([(), (-1,), (70_000,)]), "time_us": st.integers(0, 10**19)}
    ),
    st.fixed_dictionaries({"codes": st.sampled_from(["", "AA==", "AB==", "====", "A", packed(9, 1), "AAAAAAAAAAA?"])}),
    st.fixed_dictionaries(
        {"scores": st.sampled_from(["", packed(9, 1)]), "score_classes": st.sampled_from(["", "AAA="])}
    ),
    st.fixed_dictionaries({"profile": st.sampled_from(["", "other"]), "values": st.sampled_from([(), ("1.5",), (2,)])}),
)


@given(st.lists(CHANGES | st.just({}), min_size=1, max_size=6), CHANGES | st.just({}))
def test_lines_of_one_shape_say_what_the_decoder_says_or_are_left_to_it(tmp_path_factory, each, every):
    path = tmp_path_factory.mktemp("log") / "0.jsonl"
    path.write_bytes(encode_lines([event(i, **every | change) for i, change in enumerate(each)]))
    assert said(path, True)[0] == said(path, False)[0]


BYTES = (b"", *(bytes((b,)) for b in b'",:{}\n 0-[x\\='))
EDGES = st.lists(st.tuples(st.floats(0, 1), st.sampled_from(BYTES)), max_size=3)


@given(EDGES, st.integers(0, 2))
def test_damaged_lines_say_what_the_decoder_says(tmp_path_factory, edges, cut):
    lines = bytearray(encode_lines([event(i) for i in range(4)]))
    for where, what in edges:
        at = int(where * (len(lines) - cut))
        lines[at : at + cut] = what
    path = tmp_path_factory.mktemp("log") / "0.jsonl"
    path.write_bytes(bytes(lines))
    assert said(path, True)[0] == said(path, False)[0]


def test_plain_events_are_of_one_shape(tmp_path):
    path = tmp_path / "0.jsonl"
    path.write_bytes(encode_lines([event(i, principal="p" * (i % 4 + 1)) for i in range(50)]))
    found, even = said(path, True)
    assert even
    assert found == said(path, False)[0]


def test_lines_that_lack_keys_of_today_are_of_one_shape_too(tmp_path):
    path = tmp_path / "0.jsonl"
    for lost in ("scores", "values", "part", "plan", "request", "kind", "rows", "principal"):
        lines = [json.loads(encode_lines([event(i)])) for i in range(5)]
        text = "".join(
            json.dumps({k: v for k, v in e.items() if k != lost}, separators=(",", ":")) + "\n" for e in lines
        )
        path.write_text(text)
        found, even = said(path, True)
        assert even == (lost not in ("kind", "rows", "principal"))
        assert found == said(path, False)[0]


def test_codes_that_came_later_are_found(tmp_path):
    path = tmp_path / "0.jsonl"
    bare = [event(i, codes="", profile="") for i in range(5)]
    late = [Coded(request=e.request, part=0, profile=PROFILE, codes=packed(8, 9)) for e in bare]
    path.write_bytes(encode_lines([*bare, *late]))
    found, _ = said(path, True, [path])
    assert found == said(path, False, [path])[0]
    assert packed(8, 9) in {base64.b64encode(a[2][:8]).decode() for a in found[1] if a[:2] == ("|i1", (5, 8))}


def test_after_some_pieces_of_other_shapes_no_more_are_looked_at(tmp_path, monkeypatch):
    tries = []
    monkeypatch.setattr(own_lines, "pieces", lambda path, progress: pieces(path, progress, 2000))
    monkeypatch.setattr(own_lines, "Shaped", lambda piece: tries.append(piece) or Shaped(piece))
    path = tmp_path / "0.jsonl"
    path.write_bytes(
        encode_lines([e for i in range(100) for e in (event(i), Gap(time_us=1, since_us=0, events=3, reason="x"))])
    )
    found, _ = said(path, True)
    assert len(tries) == own_lines._ODD
    assert found == said(path, False)[0]


@pytest.mark.parametrize(
    "lines", [b"", b"\n", b"{}\n", b'{"a":1}\n{"b":1}\n', b',"a":1}\n', b'{"a":1,"a":2}\n', b'{"a":"1"}\nx{"a":"1"}\n']
)
def test_other_lines_are_misshapen(lines):
    with pytest.raises(Misshapen):
        Shaped(lines)


def test_padding_in_the_last_line_alone_is_another_width():
    shaped = Shaped(b'{"a":"AAAA"}\n{"a":"AAA="}\n')
    with pytest.raises(Misshapen):
        shaped.blob("a", "|u1")


def test_values_by_key():
    shaped = Shaped(b'{"a":1,"b":"x","c":[2]}\n{"a":-20,"b":"yz","c":[31]}\n')
    assert shaped.numbers["a"].tolist() == [1, -20]
    assert shaped.lists["c"].tolist() == [2, 31]
    assert shaped.texts("b") == [b"x", b"yz"]
    assert shaped.texts("d") == []
    assert shaped.one("d") == b""
    with pytest.raises(Misshapen):
        shaped.one("b")
