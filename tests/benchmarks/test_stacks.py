import json

import numpy as np
from benchmarks import stacks


def test_requests_and_answers_have_the_sizes_that_are_told():
    rng = np.random.default_rng(0)
    bodies = stacks.query_bodies(rng)
    assert {len(b) for b in bodies} == {stacks.QUERY_BYTES}
    assert len(set(bodies)) == stacks.BODIES
    inputs = stacks.inputs_of(bodies)
    assert inputs.shape == (stacks.BODIES, stacks.INPUTS)
    body = stacks.answer_body(stacks.victim(rng, inputs)[0])
    assert len(body) == stacks.ANSWER_BYTES
    assert abs(sum(json.loads(body)["outputs"][0]["data"]) - 1.0) < 1e-9
