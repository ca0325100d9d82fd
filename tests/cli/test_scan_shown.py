from wellhead.cli.scan_shown import silence, summary
from wellhead.serve.scan_words import Scanned


def test_what_was_mended_is_said():
    found = Scanned(files=1, requests=5, twice=2, clocks=3, formats={"json": ""}, first_s=1.7e9, last_s=1.7e9)
    said = " ".join(summary(found))
    assert "2 requests came twice" in said
    assert "3 times were absurd" in said
    assert "say which paths are with --paths" in said
    assert "1 file (" in said


def test_detectors_that_lack_the_same_are_said_together():
    lines = silence({"a": "needs x", "b": "needs x", "c": "needs y"})
    assert lines[1:] == ["  needs x: a, b", "  needs y: c"]
    assert silence({}) == []
