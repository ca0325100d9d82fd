import msgspec
import pytest

from wellhead.core.finding import Alert, Decide, Finding, Signal, Watch
from wellhead.core.verdict import Decision

FINDING = Finding(
    uid="f", time_us=1, title="t", signal="replication", members=("a", "b"), rows=9,
    replication_ppm=830_000, attainable_ppm=940_000, bits_milli=1500, detail="d",
)  # fmt: skip


def test_a_finding_names_the_technique_of_model_extraction():
    assert FINDING.atlas == ("AML.T0024.002",)


def test_a_finding_holds_no_float_so_that_its_bytes_are_canonical():
    assert not any(isinstance(v, float) for v in msgspec.to_builtins(FINDING).values())


def test_actions_are_data_that_cannot_be_changed():
    decision = Decision(uid="u", principal="a", stance=5, reason="", origin="", start_us=0, expires_us=1)
    for action in (Alert(FINDING), Decide(decision), Watch("a", "volume")):
        field = action.__struct_fields__[0]
        with pytest.raises(AttributeError):
            setattr(action, field, None)


def test_a_signal_on_one_principal_has_no_members():
    signal = Signal(name="s", principal="a", n=32, value=1.0, threshold=0.5, strength=0.5, detail="")
    assert signal.members == ()
