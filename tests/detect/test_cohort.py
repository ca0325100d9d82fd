import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.detect.cohort import (
    CLEARLY,
    DISPOSABLE,
    Registered,
    cohorts,
    is_disposable,
    mailbox,
    pattern,
    surprise,
    suspicion,
)

DAY = 86_400.0
FIRST = ("anna", "ben", "clara", "david", "emma", "felix", "greta", "hans", "ida", "jonas")
LAST = ("meyer", "smith", "garcia", "rossi", "novak", "kim", "tanaka", "silva", "dubois", "jensen")


def crowd(n=400, seed=0):
    """Honest people of half a year."""
    rng = np.random.default_rng(seed)
    people = []
    for i in range(n):
        first, last = rng.choice(FIRST), rng.choice(LAST)
        local = (f"{first}.{last}", f"{first}{rng.integers(100)}", f"{first[0]}{last}")[rng.integers(3)]
        where = f"{rng.integers(1, 220)}.{rng.integers(255)}.{rng.integers(255)}.0/24"
        created = float(1.7e9 + rng.uniform(0, 180 * DAY))
        people.append(Registered(name=f"h{i}", created_s=created, email=f"{local}@example.com", network=where))
    return people


def farm(email, n=20, network=""):
    rng = np.random.default_rng(1)
    at = 1.7e9 + 90 * DAY
    times = at + rng.uniform(0, 6 * 3600, n)
    return [
        Registered(name=f"a{i}", created_s=float(t), email=email(i, rng), network=network) for i, t in enumerate(times)
    ]


def letters(rng, n):
    return "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), n))


FARMS = {
    "e-mail addresses of one pattern": farm(lambda i, rng: f"{letters(rng, 6)}{rng.integers(1000, 9999)}@example.com"),
    "look-alike e-mail addresses": farm(lambda i, rng: f"researcher.lab{i}@example.com"),
    "one mailbox under several spellings": farm(lambda i, rng: f"thief+{letters(rng, i + 1)}@example.com"),
    "one sign-up network": farm(lambda i, rng: "", network="203.0.113.0/24"),
}


@pytest.mark.parametrize("reason", FARMS)
def test_a_farm_is_found_whole_and_nobody_else(reason):
    people = crowd() + FARMS[reason]
    found = cohorts(people)
    assert len(found) == 1
    assert reason in found[0].reasons
    assert set(found[0].members) == {p.name for p in FARMS[reason]}
    assert found[0].last_s - found[0].first_s < 6 * 3600
    values = suspicion(people)
    honest = sorted(v for name, v in values.items() if name.startswith("h"))
    assert min(values[p.name] for p in FARMS[reason]) > honest[int(0.99 * len(honest))]


def test_four_of_sixty_are_found_though_they_are_most_of_their_day():
    quiet = crowd(59)
    few = [
        Registered(name=f"a{i}", created_s=1.7e9 + 90 * DAY + 180.0 * i, email=f"{letters(np.random.default_rng(i), 6)}"
                   f"{1000 + 37 * i}@mailinator.com", network="203.0.113.0/24")
        for i in range(4)
    ]  # fmt: skip
    (found,) = cohorts(quiet + few)
    assert found.members == ("a0", "a1", "a2", "a3") and found.surprise > 3.0


def test_three_who_sign_up_alone_are_a_cohort_and_two_never_are():
    """Among thousands, of whom nobody else signed up within days, two are as surprising as three of sixty."""
    others = [
        Registered(name=f"h{i}", created_s=1.6e9 + 4 * DAY * i, email=f"{letters(np.random.default_rng(i), 12)}@a.com")
        for i in range(5000)
    ]
    alike = [
        Registered(name=f"a{i}", created_s=1.6e9 + (2 + i / 24) * DAY, email=f"lab{i}.of.mine@b.com") for i in range(3)
    ]
    assert suspicion(others + alike[:2])["a0"] > CLEARLY
    assert cohorts(others + alike[:2]) == []
    assert [c.members for c in cohorts(others + alike)] == [("a0", "a1", "a2")]


def test_the_honest_are_hardly_suspicious():
    values = np.array(list(suspicion(crowd()).values()))
    assert np.quantile(values, 0.9) < 2.0
    assert not cohorts(crowd())


def test_a_launch_day_ties_nobody():
    rng = np.random.default_rng(2)
    people = [
        Registered(name=str(i), created_s=1.7e9 + float(rng.uniform(0, 3600)), email=p.email, network=p.network)
        for i, p in enumerate(crowd(200))
    ]
    assert not cohorts(people)
    assert max(suspicion(people).values()) < 2.0


def test_without_times_only_the_mailbox_speaks():
    people = [Registered(name=str(i), email=f"x{i}@mailinator.com") for i in range(5)]
    assert set(suspicion(people).values()) == {DISPOSABLE}
    assert cohorts(people) == []


def test_nobody_and_one():
    assert suspicion([]) == {}
    assert cohorts([]) == []
    assert suspicion([Registered(name="a", created_s=1.0, email="a@b", network="n")]) == {"a": 0.0}


def test_throw_away_mailboxes_are_told():
    people = crowd() + farm(lambda i, rng: f"{letters(rng, 9)}@a.mailinator.com", 9)
    assert "9 throw-away mailboxes" in cohorts(people)[0].reasons


def test_patterns_and_mailboxes():
    assert pattern("jo.427x@example.com") == "a2.93a1"
    assert mailbox(" J.o+spam@Gmail.com ") == "jo@gmail.com"
    assert mailbox("j.o@example.com") == "j.o@example.com"
    assert is_disposable("x@sub.MAILINATOR.com")
    assert not is_disposable("x@example.com")
    assert not is_disposable("")


@given(st.floats(0, 1e4), st.floats(1e-6, 1e4))
def test_surprise_is_never_negative_and_grows_with_what_was_seen(seen, expected):
    one, more = surprise(np.array([seen, seen + 1.0]), np.array([expected, expected]))
    assert 0.0 <= one <= more


@given(st.integers(1, 30), st.floats(0.01, 20.0))
def test_surprise_never_exceeds_the_true_tail(seen, expected):
    terms = [np.exp(-expected)]
    for k in range(1, seen):
        terms.append(terms[-1] * expected / k)
    tail = max(1.0 - sum(terms), 1e-300)
    assert surprise(np.array([seen]), np.array([expected]))[0] <= -np.log10(tail) + 1e-6 or tail < 1e-12
