"""The whole way: a network behind the real gate is marked, a clone of it is found, and strangers are not."""

import math
import warnings

import msgspec
import numpy as np
import pytest
from marking import INPUTS, House, softmax
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from wellhead.audit.log import Log
from wellhead.core.errors import AuditError, ConfigError
from wellhead.core.event import Mark
from wellhead.defend.own.commitment import Asked, Declaration, written
from wellhead.defend.own.judge import DEPENDENT, NOT_SHOWN, REFUSED
from wellhead.redteam.files import Table
from wellhead.redteam.learner import mlp
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.patience import Patience
from wellhead.serve import ownership
from wellhead.serve.notes import entries, note
from wellhead.serve.trial import Suspect, Trial, conduct, declaration, verdict_line
from wellhead.store.marks import Marks

X, Y = load_digits(return_X_y=True)
ORDER = np.random.default_rng(0).permutation(len(X))
X, Y = (X[ORDER] / 16).astype(np.float32), Y[ORDER]
TRAINED, ASKED = slice(0, 700), slice(700, 1700)
DIGITS = tuple("0123456789")


def fit(estimator, inputs, labels):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(inputs, labels)


def network(seed, width=48):
    return MLPClassifier((width,), max_iter=80, random_state=seed, learning_rate_init=0.01)


@pytest.fixture(scope="module")
def digits():
    """The marked gate, what a thief was served, and 19 models that never saw an answer of it."""
    victim = fit(network(0), X[TRAINED], Y[TRAINED])
    house = House(victim.predict_proba, DIGITS, 'plans = ["agreed"]\nshare = 0.05')
    house.on()
    house.start()
    house.served = house.ask(X[ASKED])
    house.ask(X[ASKED][:400], "bob")
    house.stop()
    clone = MLPClassifier((128,), max_iter=300, random_state=1, learning_rate_init=0.01)
    house.clone = fit(clone, X[ASKED], house.served.argmax(axis=1))
    rng = np.random.default_rng(5)
    house.panel = []
    for i in range(19):
        rows = rng.integers(0, 700, 700)
        model = fit(LogisticRegression(max_iter=25), X[rows], Y[rows])
        house.panel.append(Suspect(f"stranger {i}", InProcess(model.predict_proba)))
    yield house
    house.close()


def suspect(model, name="s"):
    return Suspect(name, InProcess(model.predict_proba))


def declare(house, uid, name="s", **terms):
    wish = Declaration(uid=uid, commitments=("",), suspects=(name,), marks=1, beacon="a draw to come")
    test, among, _ = declaration(house.config, msgspec.structs.replace(wish, **terms))
    note(house.config, test, ownership.now_us())
    assert among == 9
    return test


def tried(house, uid, model, name="s", **options):
    trial = Trial(uid=uid, beacon="4 8 15", suspect=suspect(model, name), panel=tuple(house.panel))
    return conduct(house.config, msgspec.structs.replace(trial, **options))


def test_a_clone_is_found_and_its_account_named(digits):
    test = declare(digits, "clone")
    told = tried(digits, "clone", digits.clone, false_claims=300)
    ruling = told.ruling
    assert ruling.verdict == DEPENDENT
    assert ruling.whole.marks == test.marks > 40
    assert ruling.whole.log10_corrected < -6
    assert ruling.rank == 1
    assert len(ruling.panel) == 19
    assert ruling.by[0].of == "eve"
    assert ruling.by[0].log10_corrected < -6
    assert ruling.by[1].of == "bob"
    assert ruling.by[1].log10_corrected > -2
    assert told.grinding.log10_best > -6
    assert told.rejected == {}
    assert sum(r.matched for r in told.rows) == ruling.whole.matches
    assert "dependent: " in verdict_line(told)
    names = sorted(told.places, key=told.places.get)
    assert [n.split()[0] for n in names] == ["commitment", "first", "declaration"]


def test_five_strangers_are_not(digits):
    for seed in range(5):
        name = f"stranger-{seed}"
        declare(digits, name, name)
        model = fit(network(seed + 10, 32), X[TRAINED], Y[TRAINED])
        told = tried(digits, name, model, name)
        assert told.ruling.verdict == NOT_SHOWN
        assert told.ruling.whole.log10_p > -1.5


def test_marks_cost_the_share_that_was_agreed(digits):
    wrong = (digits.served.argmax(axis=1) != digits.model(X[ASKED]).argmax(axis=1)).mean()
    assert 0.03 < wrong < 0.07


def test_the_order_of_lesser_classes_is_found_in_a_clone_of_scores_and_in_no_other(digits):
    house = House(digits.model, DIGITS, 'plans = ["agreed"]\nshare = 0.5\nvariant = "second"', flip=False)
    try:
        house.on()
        house.panel = digits.panel
        served = house.serve(X[ASKED])
        assert np.array_equal(served.argmax(axis=1), digits.model(X[ASKED]).argmax(axis=1))
        found = {}
        for name, targets in (("scores", served), ("labels", served.argmax(axis=1))):
            wish = Declaration(uid=name, commitments=("",), suspects=(name,), marks=1, beacon="a draw to come")
            test, among, _ = declaration(house.config, wish)
            assert among == 2
            note(house.config, test, ownership.now_us())
            found[name] = tried(house, name, mlp(X[ASKED], targets, 1), name).ruling
        assert found["scores"].verdict == DEPENDENT
        assert found["labels"].verdict == NOT_SHOWN
        assert found["labels"].whole.log10_p > -2
    finally:
        house.close()


def test_who_asks_first_and_declares_then_is_refused(digits):
    note(digits.config, Asked("earlier", "peeked", "b", "m"), ownership.now_us())
    declare(digits, "late", "peeked")
    with pytest.raises(ConfigError, match="asked at entry .* before the declaration"):
        tried(digits, "late", digits.clone, "peeked")


def test_a_test_is_made_once_with_one_beacon(digits):
    declare(digits, "once", "once")
    first = tried(digits, "once", digits.clone, "once").ruling.tests
    with pytest.raises(ConfigError, match="second look needs a second declaration"):
        tried(digits, "once", digits.clone, "once")
    with pytest.raises(ConfigError, match="another beacon"):
        tried(digits, "once", digits.clone, "once", beacon="16 23 42")
    look = next(i for i in range(1, 100) if i * (i + 1) == first)
    for more, spelled in enumerate(("once", "./once", "ONCE"), 1):
        declare(digits, spelled + " again", spelled)
        told = tried(digits, spelled + " again", digits.clone, spelled)
        assert told.ruling.tests == (look + more) * (look + more + 1)


def test_a_suspect_that_was_not_declared_is_not_asked(digits):
    declare(digits, "of s")
    with pytest.raises(ConfigError, match="not among the declared suspects"):
        tried(digits, "of s", digits.clone, "somebody else")
    with pytest.raises(ConfigError, match="expected a declaration 'unheard'"):
        tried(digits, "unheard", digits.clone)


def test_a_name_is_declared_once(digits):
    declare(digits, "a name")
    with pytest.raises(ConfigError, match="new name"):
        declare(digits, "a name")


def test_more_marks_than_there_are_cannot_be_declared(digits):
    with pytest.raises(ConfigError, match="expected 5000 marks that hold"):
        declare(digits, "many", marks=5000)


def test_a_panel_that_saw_our_answers_voids_the_test(digits):
    declare(digits, "void", "void")
    panel = (*digits.panel[:18], suspect(digits.clone, "a second clone"))
    told = tried(digits, "void", digits.clone, "void", panel=panel)
    assert told.ruling.verdict == REFUSED
    assert "a second clone" in told.ruling.reasons[0]


def test_without_a_panel_there_is_no_verdict_and_a_table_makes_one(digits, monkeypatch):
    declare(digits, "alone", "alone")
    with pytest.raises(ConfigError, match="19 independent models as declared, got 2"):
        tried(digits, "alone", digits.clone, "alone", panel=tuple(digits.panel[:2]))
    # nobody was asked
    assert not any(isinstance(e, Asked) and e.declaration == "alone" for _, e in entries(digits.folder / "log"))
    asked = []
    monkeypatch.setattr(
        "wellhead.serve.trial.panel", lambda table, n, seed: asked.append(n) or [("made", digits.clone)] * n
    )
    declare(digits, "made", "made")
    told = tried(digits, "made", digits.clone, "made", panel=tuple(digits.panel[:2]), table=Table(X, Y))
    assert asked == [17]
    assert len(told.ruling.panel) == 19


def test_a_suspect_that_answers_a_part_may_be_asked_again(digits):
    class Shy:
        def predict_proba(self, inputs):
            if len(inputs) > 1:
                raise ValueError("no")
            return digits.clone.predict_proba(inputs)

    declare(digits, "shy", "shy")
    hasty = Patience(first_wait_s=0.0, longest_wait_s=0.0, attempts=1)
    told = tried(digits, "shy", Shy(), "shy", patience=hasty)
    assert told.ruling.verdict == REFUSED
    assert "0 were answered" in told.ruling.reasons[0]
    assert tried(digits, "shy", digits.clone, "shy").ruling.verdict == DEPENDENT


def test_lost_keys_leave_no_test_and_every_mark_that_was_erased_is_a_miss(digits, monkeypatch, tmp_path):
    declare(digits, "lost", "lost")
    ring = ownership.load(digits.config)
    other = msgspec.structs.replace(ring.openings[0], key=bytes(32))
    monkeypatch.setattr(ownership, "load", lambda _: ownership.Keyring((other,)))
    with pytest.raises(ConfigError, match="keys of all declared commitments"):
        tried(digits, "lost", digits.clone, "lost")
    monkeypatch.setattr(ownership, "load", lambda _: ring)
    path = tmp_path / "marks.jsonl"
    path.write_bytes((digits.folder / "log" / "marks.jsonl").read_bytes())
    Marks(path).erase("bob")
    monkeypatch.setattr(ownership, "marks_path", lambda _: path)
    told = tried(digits, "lost", digits.clone, "lost")
    names = [r.principal for r in told.rows]
    assert set(names) == {"eve"}
    assert told.lost > 5
    assert told.ruling.whole.marks == told.declaration.marks == len(names) + told.lost
    bob = next(e for e in told.ruling.by if e.of == "bob")
    assert (bob.marks, bob.matches) == (told.lost, 0)
    declare(digits, "gone", "gone")
    path.write_bytes(b"")
    with pytest.raises(ConfigError, match="are kept no more"):
        tried(digits, "gone", digits.clone, "gone")


def test_what_is_marked_after_the_declaration_is_not_asked():
    house = House()
    try:
        house.on()
        house.serve(INPUTS[:450])
        wish = Declaration(uid="early", commitments=("",), suspects=("s",), marks=1, beacon="a draw to come")
        test, _, _ = declaration(house.config, wish)
        note(house.config, test, ownership.now_us())
        house.serve(INPUTS)
        early = {k.fingerprint for k in Marks(ownership.marks_path(house.config)).read()[: test.marks]}
        panel = (Suspect("other", InProcess(softmax)),) * 19
        told = conduct(
            house.config, Trial(uid="early", beacon="b", suspect=Suspect("s", InProcess(softmax)), panel=panel)
        )
        assert {r.fingerprint for r in told.rows} == early
    finally:
        house.close()


def test_an_edited_declaration_is_refused(digits):
    declare(digits, "edited", "edited")
    entries = digits.folder / "log" / "entries" / "000000.jsonl"
    before = entries.read_bytes()
    try:
        entries.write_bytes(before.replace(b"a draw to come", b"a draw of mine"))
        with pytest.raises(AuditError, match="a log that verifies"):
            tried(digits, "edited", digits.clone, "edited")
    finally:
        entries.write_bytes(before)


def test_a_second_declaration_of_one_name_is_found(digits):
    test = declare(digits, "double", "double")
    easier = msgspec.structs.replace(test, alpha=1e-4)
    now_us = ownership.now_us()
    log = Log.open(digits.config.audit.directory, digits.config.audit.origin, digits.config.audit.key, now_us)
    log.append([Mark(time_us=now_us, what="ownership", detail=written(easier))])
    log.close(now_us)
    with pytest.raises(ConfigError, match="more than once"):
        tried(digits, "double", digits.clone, "double")


def test_a_suspect_is_put_in_the_order_of_classes_that_was_committed_to(digits):
    declare(digits, "order", "order")
    turned = msgspec.structs.replace(digits.config.model, classes=DIGITS[::-1])
    config = msgspec.structs.replace(digits.config, model=turned)
    asked = Suspect("order", InProcess(digits.clone.predict_proba), DIGITS)
    told = conduct(config, Trial(uid="order", beacon="b", suspect=asked, panel=tuple(digits.panel)))
    assert told.ruling.verdict == DEPENDENT


def test_a_key_whose_marks_are_all_gone_is_declared_and_counts():
    house = House()
    try:
        first = house.on()
        house.serve(INPUTS[:450])
        house.write(own='plans = ["agreed"]\nshare = 0.2')
        second = house.on()
        house.serve(INPUTS[450:])
        path = ownership.marks_path(house.config)
        lines = [line for line in path.read_bytes().splitlines(keepends=True) if first.commitment.encode() not in line]
        path.write_bytes(b"".join(lines))
        wish = Declaration(uid="t", commitments=("",), suspects=("s",), marks=1, beacon="a draw to come")
        test, _, tests = declaration(house.config, wish)
        assert test.commitments == (first.commitment, second.commitment)
        assert tests == 4
    finally:
        house.close()


def test_an_order_of_classes_that_was_not_declared_is_refused(digits):
    """A permutation that is chosen when the marks are known makes strangers match."""
    declare(digits, "perm", "perm")
    turned = Suspect("perm", InProcess(digits.clone.predict_proba), DIGITS[1:] + DIGITS[:1])
    with pytest.raises(ConfigError, match="suspect-classes"):
        conduct(digits.config, Trial(uid="perm", beacon="b", suspect=turned, panel=tuple(digits.panel)))


def test_a_declared_order_of_classes_is_read_and_paid_for(digits):
    order = DIGITS[::-1]
    test = declare(digits, "turned", "turned", classes=order)
    turned = Suspect("turned", InProcess(lambda x: digits.clone.predict_proba(x)[:, ::-1]), order)
    told = conduct(digits.config, Trial(uid="turned", beacon="b", suspect=turned, panel=tuple(digits.panel)))
    assert test.classes == order
    assert told.ruling.verdict == DEPENDENT
    assert told.ruling.tests % math.factorial(10) == 0
