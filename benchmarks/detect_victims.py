"""The models that are guarded: a table, images, short texts, and a production classifier of file types."""

from __future__ import annotations

import gzip
import os
import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import detect_files, peers
from benchmarks.detect_world import Table, Victim, table_of
from benchmarks.replication import adult
from wellhead.core.event import Answer, ModelSpec
from wellhead.core.exposure import Exposure
from wellhead.meter.features import fit_code_map
from wellhead.meter.fit import fit
from wellhead.meter.profile import Profile
from wellhead.meter.traits import traits

NAMES = ("adult", "fashion", "clinc", "magika")
CLUSTERS = 64
SHARED = 0.1
"""Share of the tenants' inputs that everybody asks alike."""
_FASHION = Path("/usr/share/datasets/fashion-mnist")


class Parts(NamedTuple):
    """Inputs of the profile's sample, the tenants, the thief, and the judges of clones; no row in two."""

    sample: Any
    honest: Any
    thief: Any
    test: Any


class Raw(NamedTuple):
    """A model and everybody's inputs; sight: what a thief's learner sees of inputs."""

    kind: str
    parts: Parts
    answer: Callable[[Any], Any]
    sight: Callable[[Any], Any]
    low: Any
    high: Any
    arities: Any


def victim(name: str) -> Victim | None:
    """The victim of that name; None, with a line, where its data is not at hand."""
    raw = {"adult": _adult, "fashion": _fashion, "clinc": _clinc, "magika": _magika}[name]()
    return None if raw is None else _built(name, raw)


def victims(names: tuple[str, ...] = NAMES) -> list[Victim]:
    """All of these that can be had."""
    return [v for v in map(victim, names) if v is not None]


def _data(path: str) -> Path | None:
    folder = Path(os.environ.get("WELLHEAD_DATA", ""))
    if "WELLHEAD_DATA" in os.environ and (folder / path).exists():
        return folder / path
    print(f"a victim is left out: set WELLHEAD_DATA to a folder with {path}", file=sys.stderr)
    return None


def _cut(inputs: Any, sizes: tuple[int, ...], seed: int = 5) -> list[Any]:
    order = np.random.default_rng(seed).permutation(len(inputs))[: sum(sizes)]
    return [_some(inputs, rows) for rows in np.split(order, np.cumsum(sizes)[:-1])]


def _some(inputs: Any, rows: Any) -> Any:
    return [inputs[i] for i in rows] if isinstance(inputs, list) else inputs[rows]


def _perceptron(x: Any, y: Any, width: int, epochs: int) -> Callable[[Any], Any]:
    """A network's probabilities of raw inputs (n, ...)."""
    from sklearn.neural_network import MLPClassifier

    centre, spread = x.mean(axis=0), np.maximum(x.std(axis=0), 0.05 * np.median(x.std(axis=0)) + 1e-6)
    with warnings.catch_warnings():
        # so many epochs are the recipe, converged or not
        warnings.simplefilter("ignore")
        network = MLPClassifier((width,), max_iter=epochs, alpha=1e-3, random_state=0).fit((x - centre) / spread, y)

    def answer(inputs: Any) -> Any:
        flat = np.asarray(inputs, np.float64).reshape(len(inputs), -1)
        return network.predict_proba((flat - centre) / spread)

    return answer


def _flat(inputs: Any) -> Any:
    return np.asarray(inputs, np.float32).reshape(len(inputs), -1)


def _adult() -> Raw | None:
    if _data("tabular/adult.parquet") is None:
        return None
    data = adult()
    x = data.inputs
    train, *rest = _cut(np.arange(len(x)), (6000, 1500, 28000, 10000, 3000))
    numbers = np.array([np.unique(column).size > 2 for column in x.T])
    arities = np.where(numbers, 0, 2)
    answer = _perceptron(x[train], data.labels[train], 64, 30)
    return Raw("tabular", Parts(*(x[r] for r in rest)), answer, _flat, x.min(axis=0), x.max(axis=0), arities)


def _fashion() -> Raw | None:
    files = [_FASHION / f"{part}-{what}" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1")]
    if not files[0].with_name(files[0].name + "-ubyte.gz").exists():
        peers._run("apt-get", "install", "-y", "--no-install-recommends", "dataset-fashion-mnist")
    try:
        raw = [gzip.decompress(Path(f"{f}-ubyte.gz").read_bytes()) for f in files]
    except OSError as e:
        peers.missing("Fashion-MNIST", f"install the package dataset-fashion-mnist: {e}")
        return None
    images = np.concatenate([np.frombuffer(r, np.uint8, offset=16).reshape(-1, 28, 28) for r in raw[::2]])
    labels = np.concatenate([np.frombuffer(r, np.uint8, offset=8) for r in raw[1::2]])
    x = images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).astype(np.float32) / 255
    train, *rest = _cut(np.arange(len(x)), (10000, 1500, 40000, 12000, 3000))
    answer = _perceptron(_flat(x[train]), labels[train], 96, 15)
    return Raw("image", Parts(*(x[r] for r in rest)), answer, _flat, np.zeros(196), np.ones(196), np.zeros(196, int))


def _clinc() -> Raw | None:
    path = _data("text/clinc150.parquet")
    if path is None:
        return None
    import duckdb
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts, intents = map(
        list, zip(*duckdb.sql(f"select text, intent from read_parquet('{path}')").fetchall(), strict=True)
    )
    train, *rest = _cut(np.arange(len(texts)), (8000, 1500, 7700, 4700, 1800))
    model = make_pipeline(TfidfVectorizer(max_features=3000, sublinear_tf=True), LogisticRegression(C=20, max_iter=30))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(_some(texts, train), _some(intents, train))
    sample, honest, thief, test = (_some(texts, r) for r in rest)
    honest = honest + _reworded(honest, 20000, np.random.default_rng(6))
    seen = fit_code_map(thief[:1000], 192)
    nothing = np.zeros(0)
    return Raw("text", Parts(sample, honest, thief, test), model.predict_proba, seen.project, nothing, nothing, nothing)


def _reworded(texts: list[str], count: int, rng: Any) -> list[str]:
    """So many more texts: words left out, exchanged or added, as people write."""
    fillers = ("please", "hey", "can you", "i need to know", "ok so", "could you tell me", "right now", "thanks")
    made = []
    for i in rng.integers(len(texts), size=count):
        words = texts[i].split()
        for _ in range(rng.integers(1, 3)):
            at, kind = int(rng.integers(len(words))), rng.integers(3)
            if kind == 0 and len(words) > 4:
                del words[at]
            elif kind == 1:
                words.insert(0 if rng.random() < 0.7 else len(words), fillers[rng.integers(len(fillers))])
            else:
                words[at] = _mistyped(words[at], rng)
        made.append(" ".join(words))
    return made


def _mistyped(word: str, rng: Any) -> str:
    at = int(rng.integers(len(word)))
    return word[:at] + word[at + 1 :] if len(word) > 3 else word + word[-1]


def _magika() -> Raw | None:
    model = detect_files.Magika.started()
    if model is None:
        return None
    tokens = detect_files.collected(16_000)
    sample, honest, thief, test = _cut(tokens, tuple(int(len(tokens) * s) for s in (0.04, 0.66, 0.22, 0.08)))
    width = tokens.shape[1]
    arities = np.full(width, 257)
    parts = Parts(sample, honest, thief, test)
    model.remember(parts)
    return Raw("file", parts, model.answer, detect_files.sight, np.zeros(width), np.full(width, 256.0), arities)


def _built(name: str, raw: Raw) -> Victim:
    parts = raw.parts
    profile = fit(
        _numbers(parts.sample),
        Answer(Exposure.PROBABILITIES, scores=np.asarray(raw.answer(parts.sample), np.float64)),
        ModelSpec(name=name),
        np.random.default_rng(7),
    )
    sizes = [len(p) for p in parts[1:]]
    rng = np.random.default_rng(8)
    tables = [_table(raw, profile, p, at) for p, at in zip(parts[1:], np.cumsum([0, *sizes]), strict=False)]
    table = replace(tables[0], shared=rng.random(sizes[0]) < SHARED)
    for more in tables[1:]:
        table = table.plus(more)
    honest, thief, test = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
    return Victim(
        name=name,
        kind=raw.kind,
        profile=profile,
        table=table,
        inputs=parts.thief,
        cluster=_clusters(table.codes, profile, honest),
        honest=honest,
        thief=thief,
        test=test,
        answer=raw.answer,
        extend=lambda inputs: _table(raw, profile, inputs, 0),
        low=raw.low,
        high=raw.high,
        arities=raw.arities,
    )


def _numbers(inputs: Any) -> Any:
    return inputs if isinstance(inputs, list) else np.asarray(inputs, np.float32)


def _table(raw: Raw, profile: Profile, inputs: Any, first: int) -> Table:
    step = 4000
    blocks = [inputs[i : i + step] for i in range(0, len(inputs), step)]
    codes, truth, sight, traits = (
        np.concatenate([f(_numbers(b)) for b in blocks])
        for f in (profile.code, raw.answer, raw.sight, lambda b: _traits(profile, b))
    )
    return table_of(codes, traits, truth, sight, np.zeros(len(codes), bool), first)


def _traits(profile: Profile, inputs: Any) -> Any:
    measure = getattr(profile.code_map, "measure", None)
    return traits(inputs, None if measure is None else measure(inputs)[1])


def _clusters(codes: Any, profile: Profile, honest: Any) -> Any:
    """(N,) kinds of inputs: k-means of the tenants' own."""
    from sklearn.cluster import MiniBatchKMeans

    points = codes * profile.code_map.step
    found = MiniBatchKMeans(CLUSTERS, random_state=0, n_init=1, batch_size=2048, max_iter=30).fit(points[honest])
    return found.predict(points).astype(np.int16)


def slug(text: str) -> str:
    """Letters, digits and underscores."""
    return re.sub(r"\W+", "_", text.lower())
