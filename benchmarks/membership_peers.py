"""Scripts that the membership peers run in their own environments: script DATA.npz FOUND.npz."""

from __future__ import annotations

ART = """
import sys
import numpy as np
from art.attacks.inference.membership_inference import MembershipInferenceBlackBox
from art.estimators.classification import BlackBoxClassifier

data = np.load(sys.argv[1])
x, y, told, member, known = (data[k] for k in ("x", "y", "told", "member", "known"))
classes = told.shape[1]
model = BlackBoxClassifier(lambda rows: np.zeros((len(rows), classes)), (x.shape[1],), classes)
found = {}
for kind, more in (("rf", {}), ("gb", {}), ("nn", {"nn_model_epochs": 30}), ("lr", {})):
    np.random.seed(0)
    attack = MembershipInferenceBlackBox(model, attack_model_type=kind, **more)
    a, b, rest = known & member, known & ~member, ~known
    attack.fit(x[a], y[a], x[b], y[b], pred=told[a], test_pred=told[b])
    found[kind] = attack.infer(x[rest], y[rest], pred=told[rest], probabilities=True).ravel()
np.savez(sys.argv[2], **found)
"""

SACRO = """
import logging, sys, tempfile, time, warnings
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

warnings.simplefilter("ignore")
from sacroml.attacks.likelihood_attack import LIRAAttack
from sacroml.attacks.target import Target
logging.disable(logging.CRITICAL)

data = np.load(sys.argv[1])
x, y, member = (data[k] for k in ("x", "y", "member"))
settings = {"batch_size": int(data["batch"]), "max_iter": int(data["epochs"])}

def forward(x):
    z = np.maximum(x.astype(np.float64) @ data["w0"] + data["b0"], 0) @ data["w1"] + data["b1"]
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)

class Ours(ClassifierMixin, BaseEstimator):
    '''The same recipe trained by wellhead, one shadow at a time; the target itself as long as it is not fitted.'''
    speak = staticmethod(forward)
    classes_ = np.arange(y.max() + 1)
    def __init__(self, random_state=None):
        self.random_state = random_state
    def fit(self, x, y):
        from wellhead.redteam.network import Recipe, train
        hidden = tuple(data["hidden"].tolist())
        recipe = Recipe(hidden=hidden, epochs=settings["max_iter"], batch=settings["batch_size"])
        networks = train(x, y, recipe, np.random.default_rng(self.random_state))
        self.speak, self.classes_ = networks.predict_proba, np.arange(y.max() + 1)
        return self
    def predict(self, x):
        return self.speak(x).argmax(axis=1)
    def predict_proba(self, x):
        return self.speak(x)

if sys.argv[3] == "mlp":
    model = MLPClassifier(tuple(data["hidden"].tolist()), alpha=0.0, tol=0.0, n_iter_no_change=10**6, **settings)
    model.partial_fit(x[:100], y[:100], classes=np.arange(y.max() + 1))
    model.coefs_ = [data["w0"], data["w1"]]
    model.intercepts_ = [data["b0"], data["b1"]]
else:
    model = Ours()
def seconds(threads):
    rows = np.arange(500)
    with threadpool_limits(threads):
        start = time.perf_counter()
        MLPClassifier(model.hidden_layer_sizes, batch_size=100, max_iter=2).fit(x[rows], y[rows])
        return time.perf_counter() - start

if sys.argv[3] == "mlp":
    # as many BLAS threads as serve it best, be it one
    threadpool_limits(min((1, 2), key=lambda n: min(seconds(n) for _ in range(3))))
found = {}
order = np.concatenate([np.flatnonzero(member), np.flatnonzero(~member)])
with tempfile.TemporaryDirectory() as folder:
    # the second attack finds the shadows of the first
    for name, fix in (("record", False), ("fixed", True)):
        attack = LIRAAttack(folder, False, int(data["shadows"]), 0.05, "online-carlini", fix, report_individual=True)
        start, cpu = time.perf_counter(), time.process_time()
        attack.attack(Target(model=model, X_train=x[member], y_train=y[member], X_test=x[~member], y_test=y[~member]))
        found[name + "_s"], found[name + "_cpu"] = time.perf_counter() - start, time.process_time() - cpu
        scores = np.empty(len(x))
        scores[order] = attack.result["member_prob"]
        found[name] = scores
np.savez(sys.argv[2], **found)
"""
