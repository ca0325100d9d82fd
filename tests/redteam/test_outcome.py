import msgspec

from wellhead.redteam.outcome import Leak, Likeness, Mark, Outcome, Probed, Study


def test_a_study_survives_json_whole():
    leak = Leak(
        members=10,
        nonmembers=10,
        auc=0.6,
        auc_interval=(0.4, 0.8),
        tpr1=None,
        tpr1_interval=(0.0, 0.3),
        tpr01=None,
        tpr01_interval=(0.0, 0.3),
        advantage=0.1,
        balanced_accuracy=0.55,
        epsilon=0.0,
        curve=((0.0, 0.0), (1.0, 1.0)),
    )
    outcome = Outcome(
        attack="lira",
        room="membership",
        paper="Carlini et al. 2022",
        atlas=("AML.T0024.000",),
        state="ok",
        leak=leak,
        marks=(Mark(rows=5, fidelity=0.5, low=0.4, high=0.6),),
        likenesses=(Likeness(name="3", shape=(2,), pixels=(0.0, 1.0)),),
    )
    study = Study(target="t", time_us=1, seed=0, probed=Probed(exposure="label"), outcomes=(outcome,))
    assert msgspec.json.decode(msgspec.json.encode(study), type=Study) == study
