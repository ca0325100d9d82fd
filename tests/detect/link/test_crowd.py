import numpy as np

from wellhead.detect.link.crowd import centre_of

NOBODY = np.zeros(0, np.int64)


def test_accounts_of_one_work_list_have_no_identity_of_their_own(scene):
    crowd = scene.crowd(scene.theft(8), 64)
    scores = crowd.scores(NOBODY, crowd.everybody())
    assert scores[-8:].min() > np.quantile(scores[:-8], 0.98)


def test_a_group_grows_from_one_member(scene):
    crowd = scene.crowd(scene.theft(12, how="active"), 64)
    group = crowd.grow(np.array([300]), None, len(crowd.points))
    assert set(range(300, 312)) <= set(group.members.tolist())
    assert group.log_p < np.log(1e-6)
    assert group.members.size <= 13


def test_honest_principals_form_no_group(scene):
    crowd = scene.crowd()
    assert crowd.grow(NOBODY, crowd.everybody(), 1).log_p > np.log(1e-3)


def test_members_do_not_vouch_for_themselves(scene):
    crowd = scene.crowd()
    alone = np.array([7, 9, 11])
    centre = centre_of(crowd.points.take(alone))
    assert (crowd.scores(alone, centre)[alone] < crowd.scores(NOBODY, centre)[alone]).all()


def test_the_busiest_does_not_decide_where_a_source_lies(scene):
    crowd = scene.crowd(scene.theft(4), 32)
    few = crowd.points.take(np.arange(300, 304))
    mixed = crowd.points.take(np.array([0, 300, 301, 302, 303]))
    assert centre_of(mixed).rows <= few.rows.sum() + few.rows.max()


def test_expansion_takes_in_who_was_missed(scene):
    crowd = scene.crowd(scene.theft(20), 48)
    group = crowd.grow(np.arange(300, 310), None, 1)
    wide = crowd.expand(group, 1)
    assert np.count_nonzero(wide.members >= 300) >= 18
    assert np.count_nonzero(wide.members < 300) <= 3
