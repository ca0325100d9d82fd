import numpy as np
import pytest
from campaigns import World, checkpoints, honest, theft, views_of

from wellhead.detect.link.crowd import Crowd
from wellhead.detect.link.fit import fit_population


class Scene:
    """A world, the population fitted on its development tenants, and other tenants who are looked at."""

    def __init__(self):
        self.world = World(5)
        self.people = honest(self.world, 300, name="h", most=256)
        development = honest(self.world, 400, name="d", most=256)
        self.looks = views_of(checkpoints(development))
        self.population = fit_population(self.looks, lambda _: "all", np.random.default_rng(0))

    def views(self, accounts=(), rows=None, attributes=None):
        """The honest at all their rows, then these accounts at so many."""
        return views_of([(a, a.n) for a in self.people] + [(a, rows or a.n) for a in accounts], attributes)

    def theft(self, count, queries=100, **how):
        return theft(self.world, count, queries, **how)

    def crowd(self, accounts=(), rows=None):
        return Crowd(self.population.points(self.views(accounts, rows)), self.population)


@pytest.fixture(scope="session")
def scene():
    return Scene()
