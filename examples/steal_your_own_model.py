"""Clone a model through its answers, and see how good the clone is after how many queries.

Needs: pip install 'wellhead[redteam]'. Runs in process; for an API, give `run` a
`wellhead.redteam.http.Http` instead of `InProcess`: nothing else changes.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from wellhead.redteam.budget import Budget
from wellhead.redteam.extract.pool import Pool
from wellhead.redteam.learner import logistic, mlp
from wellhead.redteam.measure import curve, queries_to
from wellhead.redteam.oracle import InProcess, as_answer
from wellhead.redteam.run import finish, run

inputs, labels = load_digits(return_X_y=True)
inputs = (inputs / 16).astype(np.float32)
train, pool, test = np.split(np.random.default_rng(0).permutation(len(inputs)), [700, 1300])

# Yours: the model that an API answers from.
model = MLPClassifier((64,), max_iter=1000, random_state=0).fit(inputs[train], labels[train])
truth = as_answer(model.predict_proba(inputs[test]))

# Theirs: the same kind of inputs, no labels, and 500 queries.
for exposure, answer in {"probabilities": model.predict_proba, "labels only": model.predict}.items():
    for pick in ("random", "uncertainty"):
        attack = Pool(inputs=inputs[pool], rows=500, per_round=50, pick=pick)
        last = finish(run(attack, InProcess(answer), Budget(rows=500), seed=1))
        print(f"\n{exposure}, {pick} queries: {last.state}, {last.spent.rows} rows in {last.spent.calls} calls")
        points = curve(last.result, inputs[test], truth, at=(50, 100, 200, 500), learners={"mlp": mlp, "lr": logistic})
        for rows, best in points:
            found = best.fidelity
            bar = "#" * round(40 * found.value)
            print(f"{rows:5d} queries  fidelity {found.value:.3f} [{found.low:.3f}, {found.high:.3f}]  {bar}")
        print(f"  queries to 95 %: {queries_to(points, 0.95) or 'not reached'}")
print(f"\nalways the commonest class: {points[-1].best.fidelity.chance:.3f}")
