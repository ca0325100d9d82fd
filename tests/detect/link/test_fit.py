import msgspec
import numpy as np
import pytest
from campaigns import World, checkpoints, niched, theft, views_of

from wellhead.detect.link.fit import LEAST_PRINCIPALS, fit_population
from wellhead.detect.link.link import campaigns, link
from wellhead.detect.link.population import rows_of

STAGES_SEEN = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class Niches:
    """Honest customers who share what they ask about: several of each kind at calibration, and others later."""

    def __init__(self, seed, development):
        self.world = World(seed)
        self.people = niched(self.world, 300)
        looks = views_of(checkpoints(niched(self.world, development, "d")))
        self.population = fit_population(looks, lambda _: "all", np.random.default_rng(0))

    def views(self, share=1.0, more=()):
        return views_of([(a, max(int(a.n * share), 8)) for a in [*self.people, *more]])


@pytest.fixture(scope="module", params=[(1, 150), (2, 400)], ids=["few", "many"])
def niches(request):
    return Niches(*request.param)


def test_customers_who_share_a_niche_are_no_campaign_at_any_look(niches):
    assert [link(niches.views(share), niches.population) for share in STAGES_SEEN] == [[]] * len(STAGES_SEEN)


def test_the_bound_alone_would_name_them(niches):
    """What the model holds for improbable is no evidence where honest principals do the same."""
    bare = [
        campaigns(niches.views(share), niches.population, None, np.log(1e-3), np.random.default_rng(0))
        for share in STAGES_SEEN
    ]
    assert any(bare)


def test_a_campaign_among_them_is_found_all_the_same(niches):
    found = link(niches.views(1.0, theft(niches.world, 25, 64)), niches.population)
    assert sum(m.startswith("x") for m in found[0].members) >= 22
    assert sum(not m.startswith("x") for c in found for m in c.members) <= 3


def test_the_honest_are_halved_four_times_and_every_half_is_searched_at_both_stages(scene):
    honest = scene.population.honest
    assert honest.shape == (16, 2)
    assert (honest[:, 0] == 200).all()
    assert (honest[:, 1] <= 0).all()


def test_how_too_few_crowd_is_not_known_and_nobody_is_named(scene):
    names = sorted(set(scene.looks.names))[: LEAST_PRINCIPALS - 1]
    few = rows_of(scene.looks, np.array([n in names for n in scene.looks.names]))
    population = fit_population(few, lambda _: "all", np.random.default_rng(0))
    assert population.honest.shape == (0, 2)
    assert link(scene.views(scene.theft(25), 64), population) == []


def test_more_principals_form_less_probable_groups(scene):
    honest = np.array([[100.0, -8.0], [100.0, 0.0]])
    population = msgspec.structs.replace(scene.population, honest=honest)
    assert population.usual_crowd(25) == -4.0
    assert population.usual_crowd(100) == -8.0
    assert population.usual_crowd(300) == -24.0
    unseen = msgspec.structs.replace(population, honest=honest[1:])
    assert unseen.usual_crowd(300) == pytest.approx(2 * np.log(0.05))
