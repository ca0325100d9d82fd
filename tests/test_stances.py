import hypothesis.strategies as st
import pytest
from hypothesis import given

from wellhead.config import parse
from wellhead.core.errors import ConfigError
from wellhead.stances import Grade, Treatment, check

WORDS = ("watch", "reduce", "delay", "challenge", "throttle")
part = st.one_of(st.none(), st.sampled_from([0.1, 0.3, 0.5, 1.0]))
grades = st.builds(Grade, stance=st.sampled_from(WORDS), drawn=part, p=part).filter(lambda g: g.drawn or g.p)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[stances.wach]\nanswers = ["top_k:2"]', "unknown key `wach` at `stances`, did you mean `watch`?"),
        ("[stances.block]\ntop_k = 1", "unknown key `block` at `stances`"),
        ("[stances.watch]\nanwsers = []", "unknown key `anwsers` at `stances.watch`, did you mean `answers`?"),
        ('[[grades]]\nstanse = "watch"', "unknown key `stanse` at `grades[0]`, did you mean `stance`?"),
        ('[[grades]]\nstance = "wach"\ndrawn = 0.3', "got `wach`; did you mean `watch`?"),
        ("[[grades]]\ndrawn = 0.3", "required field `stance`"),
        ('[[grades]]\nstance = "watch"', "got neither drawn nor p"),
        ('[[grades]]\nstance = "watch"\ndrawn = 0.0', "> 0.0"),
        ('[[grades]]\nstance = "watch"\np = 1.5', "<= 1.0"),
        ("[stances.watch]", "expected stances.watch to set something"),
        ("[stances.delay]\ndelay_s = [3, 1]", "got [3, 1]; write [1, 3]"),
        ("[stances.delay]\ndelay_s = [1]", "length 2"),
        ("[stances.delay]\ndelay_s = [-1, 1]", ">= 0.0"),
        ("[stances.challenge]\nchallenge_bits = 40", "<= 24"),
        ('[stances.watch]\nupstream = "file:///etc"', "expected a URL of a model server at stances.watch.upstream"),
        ('[[grades]]\nstance = "challenge"\ndrawn = 0.3', "challenge_bits"),
        (
            '[[grades]]\nstance = "throttle"\ndrawn = 0.2\n[[grades]]\nstance = "watch"\ndrawn = 0.3',
            "grades[1] (watch), which grades[0] (throttle) always forestalls",
        ),
    ],
)
def test_what_contradicts_itself_is_one_line_with_a_remedy(text, said):
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_grades_and_stances_are_read_as_written():
    config = parse(
        '[stances.watch]\nanswers = ["top_k:2"]\ndelay_s = [0.5, 2]\n[stances.challenge]\nchallenge_bits = 18\n'
        '[[grades]]\nstance = "watch"\ndrawn = 0.3\n[[grades]]\nstance = "challenge"\np = 0.01\nfor_s = 60\n',
        {"WELLHEAD__STANCES__REDUCE__TOP_K": "1", "WELLHEAD__STANCES__DELAY__DELAY_S": "1,2.5"},
    )
    assert config.stances["watch"] == Treatment(answers=("top_k:2",), delay_s=(0.5, 2.0))
    assert config.stances["reduce"].top_k == 1 and config.stances["delay"].delay_s == (1.0, 2.5)
    assert config.grades == (Grade(stance="watch", drawn=0.3), Grade(stance="challenge", p=0.01, for_s=60.0))


def holds(grade, drawn, p):
    return (grade.drawn is not None and drawn >= grade.drawn) or (grade.p is not None and p <= grade.p)


@given(grades, grades)
def test_one_covers_another_just_where_it_holds_whenever_the_other_does(one, other):
    points = [(d, p) for d in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.9, 1.0) for p in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0)]
    points += [(d, 2.0) for d, _ in points] + [(-1.0, p) for _, p in points]
    always = all(holds(one, d, p) for d, p in points if holds(other, d, p))
    assert one.covers(other) == (always and WORDS.index(one.stance) > WORDS.index(other.stance))


@given(st.lists(grades, max_size=4))
def test_grades_pass_just_where_none_covers_another(found):
    bits = {"challenge": Treatment(challenge_bits=10)}
    fits = not any(a.covers(b) for a in found for b in found)
    try:
        check(bits, found)
    except ConfigError:
        assert not fits
    else:
        assert fits
