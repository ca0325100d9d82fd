import numpy as np

from wellhead.demo.cast import Cast
from wellhead.demo.data import split


class Model:
    def predict_proba(self, images):
        return np.full((len(images), 10), 0.1)


def test_the_truth_is_the_models_own_answer():
    cast = Cast(split(np.random.default_rng(0)), np.zeros((1, 784), np.float32), [], {}, [], Model())
    assert (cast.truth(cast.pool) == 0.1).all()
