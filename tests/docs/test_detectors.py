"""The page of detectors says of each what the code says."""

import importlib
import pkgutil
from pathlib import Path

from wellhead.detect import signals
from wellhead.detect.signal import KINDS, NEEDS

PAGE = Path(__file__).parents[2] / "docs" / "detectors.md"


def shipped():
    for file in pkgutil.iter_modules(signals.__path__):
        module = importlib.import_module(f"wellhead.detect.signals.{file.name}")
        yield next(c for c in vars(module).values() if isinstance(c, type) and getattr(c, "name", "") == file.name)


def row(detector):
    """One line of the table."""
    needs = ", ".join(word.replace("_", " ") for word in detector.needs) or "-"
    says = [text.format(value="N") if text else "-" for text in (detector.high, detector.low)]
    return f"| `{detector.name}` | {needs} | {says[0]} | {says[1]} | {detector.honest} |"


def test_every_detector_has_its_line_under_its_kind():
    text = PAGE.read_text()
    sections = {kind: text.partition(f"### {kind}\n")[2].partition("\n###")[0].partition("\n## ")[0] for kind in KINDS}
    for detector in shipped():
        assert row(detector) in sections[detector.kind].splitlines()
    assert sum(section.count("\n| `") for section in sections.values()) == len(list(shipped()))


def test_every_need_is_explained():
    text = PAGE.read_text()
    for word, meaning in NEEDS.items():
        assert f"| {word.replace('_', ' ')} | {meaning}" in text
