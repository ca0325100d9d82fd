import asyncio

import pytest

from wellhead.capture.tiers import KEY, Tiers


class App:
    def __init__(self):
        self.served, self.closed = [], 0

    async def __call__(self, scope, receive, send):
        self.served.append(scope)

    def close(self):
        self.closed += 1


def serve(tiers, scope):
    asyncio.run(tiers(scope, None, None))


def test_a_scope_is_served_by_the_model_that_it_names():
    best, small = App(), App()
    tiers = Tiers(best, {"http://127.0.0.1:1": small})
    serve(tiers, {"type": "http"})
    serve(tiers, {"type": "http", KEY: ""})
    serve(tiers, {"type": "http", KEY: "http://127.0.0.1:1"})
    assert (len(best.served), len(small.served)) == (2, 1)
    assert all(KEY not in scope for scope in best.served + small.served)


def test_an_unknown_name_is_never_served_by_the_better_model():
    best = App()
    with pytest.raises(KeyError):
        serve(Tiers(best, {}), {"type": "http", KEY: "http://127.0.0.1:2"})
    assert best.served == []


def test_only_the_application_has_a_lifespan_and_only_the_others_are_closed():
    best, small = App(), App()
    tiers = Tiers(best, {"u": small})
    serve(tiers, {"type": "lifespan"})
    tiers.close()
    assert (len(best.served), len(small.served), best.closed, small.closed) == (1, 0, 0, 1)
