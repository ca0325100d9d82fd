from types import SimpleNamespace

import numpy as np
import pytest

from wellhead import plugins
from wellhead.core.errors import MissingExtra
from wellhead.meter.codebook import fit_codebook
from wellhead.serve import profiles
from wellhead.testing import defences


def test_every_defence_is_listed_with_what_defeats_it(wellhead):
    code, out, err = wellhead("defences")
    assert (code, err) == (0, "")
    heads = [line for line in out.splitlines() if line and not line.startswith(" ")]
    assert [head.partition(":")[0].partition("(")[0] for head in heads[:-2]] == list(plugins.names("defences"))
    assert "noise:epsilon=1.0:by=output\n" in out and "cap_l1:epsilon=...(...)\n" in out
    assert "buckets:edges=0.5,0.9:centres=0.35,0.7,0.97\n" in out
    assert "fails    against undoing it, since it is a known map" in out
    assert "  keeps    may change the best class" in out and "the model's scores and a key" in out
    assert heads[-2].startswith("Whoever reads labels alone loses nothing")


def test_what_lacks_a_package_is_said(wellhead, monkeypatch):
    monkeypatch.setattr(plugins, "find", lambda group, name: (_ for _ in ()).throw(MissingExtra("needs 'x'")))
    code, out, _ = wellhead("defences")
    assert code == 0 and "mad: needs 'x'\n" in out


def test_a_pipeline_is_held_to_what_it_declares(wellhead):
    code, out, err = wellhead("defences", "check", "noise:0.5", "mad_argmax:0.25", "--classes", "10")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "kept, on hard rows of 10 classes: noise:0.5 then mad_argmax:0.25",
        "  keeps    the best class stays, alone",
        "  moves    a row by L1 0.75 at most",
        "  from     the input and a key",
    ]


def test_one_that_breaks_its_promise_is_told(wellhead, monkeypatch):
    def broken(defence, sizes):
        raise AssertionError(f"{defence.name} breaks its promise: l1_max")

    monkeypatch.setattr(defences, "check_defence", broken)
    assert wellhead("defences", "check", "mad")[:2] == (1, "broken: mad breaks its promise: l1_max\n")


def test_the_answers_of_a_config(wellhead, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wellhead.toml").write_text(
        '[upstream]\nurl = "http://127.0.0.1:1"\n[exposure]\nanswers = ["top_k:2", "round:2"]\n'
    )
    code, out, err = wellhead("defences", "check", "-c", "wellhead.toml")
    assert code == 0, err
    assert "top_k:2 then round:2" in out and "among the best" in out


def test_the_codebook_of_a_profile(wellhead, tmp_path, monkeypatch):
    scores = np.random.default_rng(0).dirichlet(np.ones(4), 200)
    profile = SimpleNamespace(codebook=fit_codebook(scores))
    monkeypatch.setattr(profiles, "load", lambda config: profile)
    path = tmp_path / "wellhead.toml"
    path.write_text('[upstream]\nurl = "http://127.0.0.1:1"\n')
    code, out, err = wellhead("defences", "check", "modelguard_s", "-c", str(path))
    assert (code, err) == (0, "") and "on hard rows of 4 classes" in out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ((), "expected defences to check"),
        (("rond",), "did you mean `round`"),
        (("round:2", "mad"), "the order is"),
        (("modelguard_s",), "wellhead profile fit"),
    ],
)
def test_user_errors_are_one_line(wellhead, argv, said):
    code, out, err = wellhead("defences", "check", *argv)
    assert code == 2 and said in err and err.count("\n") == 1 and out == ""
