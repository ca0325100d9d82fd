import hypothesis.strategies as st
from hypothesis import given

from wellhead.detect.groups import Groups, sums
from wellhead.meter.sketch import View

pairs = st.frozensets(st.tuples(st.sampled_from(["network", "agent", "plan"]), st.sampled_from("abc")), max_size=4)


def groups_of(suspects, **kwargs):
    groups = Groups(**kwargs)
    for name, attributes in suspects.items():
        groups.add(name, attributes)
    return groups


def net(value):
    return ("network", value)


def each(names, *attributes):
    return {name: frozenset(attributes) for name in names}


def test_three_that_share_are_a_group_and_two_are_not():
    groups = groups_of({"a": {net("1")}, "b": {net("1")}})
    assert groups.of(["a", "b"]) == []
    groups.add("c", {net("1")})
    (group,) = groups.of(["b"])
    assert (group.members, group.shared, group.reason) == (("a", "b", "c"), (net("1"),), "shared network 1")


def test_identical_member_sets_are_one_group_with_all_its_reasons():
    (group,) = groups_of(each("abc", net("1"), ("agent", "x"))).of("abc")
    assert group.reason == "shared agent x, network 1"


def test_different_member_sets_are_different_groups():
    groups = groups_of(each("abc", net("1")) | each("cde", net("2")) | each("c", net("1"), net("2")))
    assert [g.members for g in groups.of("c")] == [("a", "b", "c"), ("c", "d", "e")]
    assert [g.members for g in groups.of("e")] == [("c", "d", "e")]


def test_a_value_that_thousands_share_is_one_group():
    groups = groups_of({f"p{i:05}": {net("nat")} for i in range(10_000)})
    (group,) = groups.of([f"p{i:05}" for i in range(10_000)])
    assert len(group.members) == 10_000


def test_only_declared_attributes_tie_and_never_an_empty_value():
    assert groups_of(each("abc", ("plan", "free"), net(""))).of("abc") == []
    assert groups_of(each("abc", ("agent", "x")), share=("network",)).of("abc") == []


def test_the_innocent_are_in_no_group():
    assert groups_of(each("abc", net("1"))).of(["honest"]) == []


def test_removing_ends_a_group():
    groups = groups_of(each("abc", net("1")))
    groups.remove("b")
    groups.remove("b")
    assert groups.of("abc") == []
    groups.add("b", {net("1")})
    assert len(groups.of("abc")) == 1


def test_a_group_follows_its_members():
    groups = groups_of(each("abc", net("1")))
    assert groups.of("a")[0].members == ("a", "b", "c")
    groups.add("d", {net("1")})
    assert groups.of("a")[0].members == ("a", "b", "c", "d")
    groups.remove("b")
    assert groups.of("a")[0].members == ("a", "c", "d")


@given(st.dictionaries(st.sampled_from("abcdefg"), pairs))
def test_equals_the_slow_obvious_twin(suspects):
    expected = set()
    for pair in {p for attributes in suspects.values() for p in attributes if p[0] in ("network", "agent")}:
        members = tuple(sorted(name for name, attributes in suspects.items() if pair in attributes))
        if len(members) >= 3:
            expected.add(members)
    got = [g.members for g in groups_of(suspects).of(suspects)]
    assert sorted(got) == sorted(expected)


def test_sums_leaves_out_those_with_few_rows():
    views = [
        View(principal=p, rows=rows, attributes=frozenset({net("1")}))
        for p, rows in zip("abcd", (32, 99, 31, 40), strict=True)
    ]
    assert [g.members for g in sums(views)] == [("a", "b", "d")]
    assert sums(views[:2]) == []
