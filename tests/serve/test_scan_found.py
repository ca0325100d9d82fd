from wellhead.core.finding import Signal
from wellhead.meter.reading import Reading
from wellhead.serve.scan_found import drawn_too_much, ruled

READING = Reading(rows=40, replication=0.8, attainable=0.9, floor=0.3, bits=12.0, by="labels", within=0.8)


def test_rules_speak_in_order_of_their_strength():
    signals = [
        Signal(name=n, principal="p", n=64, value=1.0, threshold=0.5, strength=s, detail=f"{n}!", atlas=("AML.T0024",))
        for n, s in (("weak", 0.25), ("strong", 0.75))
    ]
    found = ruled("p", signals, None, "S-1")
    assert (found.title, found.replication_ppm, found.atlas) == ("Matches strong, weak", -1, ("AML.T0024",))
    assert [e.name for e in found.evidence] == ["strong", "weak"]


def test_damage_is_said_in_shares():
    found = drawn_too_much("p", READING, "S-2")
    assert (found.signal, found.replication_ppm, found.bits_milli) == ("replication", 800_000, 12_000)
    assert "80.0 % of the model (of 90.0 % attainable)" in found.detail
