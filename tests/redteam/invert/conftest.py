"""A softmax regression on the digits, in numpy, so that asking it is cheap."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from wellhead.redteam.known import Known


class Digits:
    def __init__(self) -> None:
        inputs, self.labels = load_digits(return_X_y=True)
        self.inputs = (inputs / 16).astype(np.float32).reshape(-1, 8, 8)
        fitted = LogisticRegression(max_iter=200, tol=1e-2).fit(inputs[:900] / 16, self.labels[:900])
        self.weights, self.offsets = fitted.coef_.T, fitted.intercept_

    def model(self, inputs):
        logits = np.asarray(inputs, np.float64).reshape(len(inputs), -1) @ self.weights + self.offsets
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def hard(self, inputs):
        return self.model(inputs).argmax(axis=1)

    def own(self, result):
        """The model's true confidence in each likeness."""
        return self.model(result.inputs)[np.arange(len(result.classes)), result.classes]

    def recognised(self, result):
        """Share of likenesses that are nearest to the mean of their class, by correlation with what sets it apart."""
        means = np.stack([self.inputs[self.labels == c].mean(axis=0).ravel() for c in range(10)])
        made = result.inputs.reshape(len(result.inputs), -1) - means.mean(axis=0)
        means = means - means.mean(axis=0)
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        return float(((made @ means.T).argmax(axis=1) == result.classes).mean())


@pytest.fixture(scope="session")
def digits():
    return Digits()


@pytest.fixture(scope="session")
def known(digits):
    return Known(rows=20_000, classes=10, shape=(8, 8), low=np.zeros(64), high=np.ones(64), pool=digits.inputs[900:])
