import msgspec
import numpy as np
import pytest
from metering import classifier, inputs, regressor

from wellhead.core.errors import ProfileError
from wellhead.meter import pack
from wellhead.meter.profile import Check, Profile, majority


@pytest.mark.parametrize("profile", [classifier(), regressor()])
def test_bytes_bring_the_same_profile_back(profile):
    back = Profile.from_bytes(profile.to_bytes())
    assert back.id == profile.id and back.spec == profile.spec and back.attainable == profile.attainable
    x = inputs(20, seed=3)
    assert (back.code(x) == profile.code(x)).all()
    assert (back.features(back.code(x)) == profile.features(profile.code(x))).all()
    assert (back.reference_features == profile.reference_features).all()


def test_the_space_comes_back_too_stays_with_a_new_reference_and_is_no_part_of_the_id():
    profile = classifier()
    codes = profile.code(inputs(20, seed=3))
    back = Profile.from_bytes(profile.to_bytes()).with_reference(codes, np.zeros(20, np.int64))
    for one, other in zip(back.space.place(codes), profile.space.place(codes), strict=True):
        assert np.array_equal(one, other)
    moved = msgspec.structs.replace(profile, space=msgspec.structs.replace(profile.space, width=1.0))
    assert moved.id == profile.id


def test_damaged_bytes_are_refused():
    data = classifier().to_bytes()
    for broken in (data[:-1], data[: len(data) // 2], b"", data[:5000] + b"\x00" + data[5001:], b"x" * 100):
        with pytest.raises(ProfileError):
            Profile.from_bytes(broken)


def test_a_new_reference_keeps_the_id_and_moves_the_floor():
    profile = classifier()
    codes = profile.code(inputs(10, seed=5))
    moved = profile.with_reference(codes, np.array([1] * 9 + [0]))
    assert moved.id == profile.id and moved.floor == 0.9 and len(moved.reference) == 10
    assert moved.reference_features.shape == (10, profile.dimension)


def test_a_reference_without_rows_or_truths_is_refused():
    profile = classifier()
    for codes, truth in ((np.zeros((0, 6), np.int8), np.zeros(0)), (np.zeros((2, 6), np.int8), np.zeros(3))):
        with pytest.raises(ProfileError, match="truths"):
            profile.with_reference(codes, truth)


def test_the_id_depends_on_what_ledgers_depend_on():
    assert classifier().id != regressor().id != classifier(4).id


def test_what_the_check_says():
    assert str(Check()) == "unchecked: no learners were given" and not Check().checked
    found = Check(error=1.25, bias=-0.5, points=((100, 0.8, 0.81),), reason="")
    assert str(found) == "within 1.2 points of real learners (bias -0.5) up to 100 rows"


def test_majority():
    assert majority(np.array([2, 2, 1, 0])) == 0.5


def test_the_codebook_comes_back_too_and_is_no_part_of_the_id():
    profile = classifier()
    book = Profile.from_bytes(profile.to_bytes()).codebook
    for name in profile.codebook.__struct_fields__:
        assert np.array_equal(getattr(book, name), getattr(profile.codebook, name))
    without = msgspec.structs.replace(profile, codebook=None)
    assert Profile.from_bytes(without.to_bytes()).codebook is None and without.id == profile.id


def test_a_profile_of_before_there_were_codebooks_has_none():
    fields = pack.load("profile", classifier().to_bytes())
    del fields["codebook"]
    assert Profile.from_bytes(pack.dump("profile", fields)).codebook is None


@pytest.mark.parametrize("book", [{}, {"entries": 1}, 7, {"entries": 1, "starts": 1, "peak": 1, "covered": 1}])
def test_a_codebook_that_is_none_is_refused(book):
    fields = pack.load("profile", classifier().to_bytes())
    with pytest.raises(ProfileError):
        Profile.from_bytes(pack.dump("profile", {**fields, "codebook": book}))
