from bygone import BEGAN, DAY, event

from wellhead.detect import parts
from wellhead.detect.parts import Part, answered


def cut(events, period_of=lambda time_s: int((time_s - BEGAN) // DAY), part=None):
    """The numbers of the events of each part."""
    part, found = part or Part(), []
    for e in events:
        period = period_of(e.time_us / 1e6)
        if part.ends(e, period):
            found.append(part)
            part = part.next()
        part.add(e, period)
    return [[int(e.request[1:]) for e in p.events] for p in [*found, part]]


def test_whoever_passed_a_power_of_two_is_looked_at_before_it_asks_more():
    events = [event(i, name, BEGAN + i, rows=8) for i, name in enumerate("ababbaaa")]
    assert cut(events) == [[0, 1, 2, 3], [4, 5, 6], [7]]


def test_no_part_is_of_two_periods_and_a_new_one_counts_from_zero():
    events = [event(i, "a", BEGAN + i * DAY / 4, rows=12) for i in range(6)]
    # 12, 24 | 36 | 48, and from zero: 12, 24
    assert cut(events) == [[0, 1], [2], [3], [4, 5]]


def test_a_part_that_was_ended_early_still_counts_from_zero_in_a_new_period():
    part = Part()
    part.add(event(0, "a", BEGAN, rows=12), 0)
    events = [event(i, "a", BEGAN + DAY + i, rows=12) for i in (1, 2, 3)]
    assert cut(events, part=part.next()) == [[1, 2], [3]]


def test_a_part_holds_so_many_events_and_no_request_is_cut(monkeypatch):
    monkeypatch.setattr(parts, "AT_ONCE", 2)
    events = [event(i, f"p{i}", BEGAN + i) for i in range(4)] + [event(3, "p3", BEGAN + 4, part=1)]
    assert cut(events) == [[0, 1], [2, 3, 3]]


def test_what_was_refused_counts_no_rows():
    refused = event(0, "a", BEGAN, status=429, given=0)
    assert not answered(refused) and answered(event(1, "a", BEGAN))
    assert cut([refused, event(1, "a", BEGAN + 1), event(2, "a", BEGAN + 2)]) == [[0, 1], [2]]


def test_the_time_of_a_part_is_that_of_its_latest_event():
    part = Part()
    for i in (5, 9, 7):
        part.add(event(i, "a", BEGAN + i), 0)
    assert part.now_s == BEGAN + 9
