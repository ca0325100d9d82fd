from wellhead.detect.segments import Segments, band


def test_band_is_of_the_period_before():
    assert [band(n) for n in (None, 0, 1, 999, 1000, 99_999, 10**5, 10**6)] == [
        "first", "new", "<1k", "<1k", "1k-10k", "10k-100k", "100k-1M", ">1M"
    ]  # fmt: skip


def test_names_a_segment_by_the_words_that_are_set():
    attributes = {("use", "batch"), ("plan", "gold"), ("network", "n")}
    assert Segments().of(attributes, 50) == "use=batch band=<1k"
    assert Segments(("plan",)).of(attributes, None) == "plan=gold"
    assert Segments(("use",)).of((), 0) == "use=none"
    assert Segments(()).of(attributes, 0) == "everybody"


def test_what_was_declared_counts_where_requests_say_nothing():
    segments = Segments(("use", "plan"), {"a": (("use", "batch"), ("plan", "gold"))})
    assert segments.of((), 0, "a") == "use=batch plan=gold"
    assert segments.of({("use", "reseller")}, 0, "a") == "use=reseller plan=gold"
    assert segments.of((), 0, "b") == segments.of((), 0) == "use=none plan=none"


def test_two_plans_are_a_segment_of_their_own_whatever_their_order():
    both = [("plan", "b"), ("plan", "a")]
    assert Segments(("plan",)).of(both, 0) == Segments(("plan",)).of(both[::-1], 0) == "plan=a+b"
