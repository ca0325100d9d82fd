import sys
from pathlib import Path

from benchmarks import scan

ROOT = Path(__file__).resolve().parents[2]


def test_the_events_of_the_memory_figure_are_those_of_the_benchmark(monkeypatch):
    asked = []
    for name in ("plain", "full", "write"):
        monkeypatch.setattr(scan, name, lambda *_: [])
    monkeypatch.setattr(scan, "memory", lambda _folder, events: asked.append(events) or [])
    monkeypatch.setattr(sys, "argv", ["scan"])
    scan.main()
    few, many = (copies * asked[0] / 1e6 for copies in scan.COPIES)
    words = {5: "five", 10: "ten"}
    said = "{} times over, then {} times over".format(*(words[c] for c in scan.COPIES))
    page = (ROOT / "docs" / "scan.md").read_text(encoding="utf-8")
    assert f"{said} ({few:g} and {many:g} million events as it runs by itself)" in page
