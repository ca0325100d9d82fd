"""Weights of a linear classifier from probabilities that are not exact, or not log-linear: maximum likelihood."""

from __future__ import annotations

import numpy as np

from wellhead.core.arrays import Array, Scores
from wellhead.core.errors import MissingExtra
from wellhead.redteam.clone import softmax

_DECAY = 1e-9
_STEPS = 60
_MOST_UNKNOWNS = 3000


def _sigmoid(scores: Array) -> Array:
    return np.asarray(0.5 * (1 + np.tanh(scores / 2)))


def one_versus_rest(scores: Array) -> Scores:
    """(n, k): a sigmoid for each class, divided by their sum."""
    return np.asarray(softmax(-np.logaddexp(0.0, -scores)))


def likeliest(design: Array, shares: Scores, form: str) -> Array:
    """(f, k) weights that minimise the cross-entropy of shares (n, k) under `softmax` or `one_versus_rest`.

    L-BFGS from zero with the exact gradient and a tiny penalty. Tramer et al., USENIX Security 2016, 4.1.2.
    """
    try:
        from scipy.optimize import minimize
    except ImportError as e:
        raise MissingExtra("rounded answers need 'scipy'", "try: pip install 'wellhead[redteam]'") from e
    size = (design.shape[1], shares.shape[1])

    def loss(flat: Array) -> tuple[float, Array]:
        weights = flat.reshape(size)
        scores = design @ weights
        if form == "softmax":
            shown, damp = softmax(scores), np.ones_like(scores)
        else:
            shown, damp = one_versus_rest(scores), 1 - _sigmoid(scores)
        entropy = -(shares * np.log(np.maximum(shown, 1e-300))).sum() / len(design)
        gradient = design.T @ (damp * (shown - shares)) / len(design) + 2 * _DECAY * weights
        return float(entropy + _DECAY * (flat @ flat)), gradient.ravel()

    options = {"maxiter": 2000, "maxfun": 4000, "ftol": 1e-15, "gtol": 1e-10, "maxcor": 30}
    found = minimize(loss, np.zeros(size[0] * size[1]), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x.reshape(size))


def gauss_newton(design: Array, shares: Scores, weights: Array) -> Array:
    """Weights (f, k) of a one-versus-rest model, sharpened until its log-probabilities are those of `shares`."""
    if weights.size > _MOST_UNKNOWNS:
        return weights
    target, best = np.log(np.maximum(shares, 1e-300)), np.inf
    step = np.zeros_like(weights)
    for _ in range(_STEPS):
        trial = weights + step
        scores = design @ trial
        shown = one_versus_rest(scores)
        off = np.log(np.maximum(shown, 1e-300)) - target
        size = float(np.linalg.norm(off))
        if not size < best:
            step /= 4
            if np.abs(step).max() < 1e-14 * (1 + np.abs(weights).max()):
                break
            continue
        weights, best = trial, size
        slope = (np.eye(weights.shape[1])[None] - shown[:, None, :]) * (1 - _sigmoid(scores))[:, None, :]
        jacobian = slope[:, :, None, :] * design[:, None, :, None]
        step = np.linalg.lstsq(jacobian.reshape(off.size, -1), -off.ravel(), rcond=1e-13)[0].reshape(weights.shape)
    return weights
