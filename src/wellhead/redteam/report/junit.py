"""A study as JUnit XML: continuous integration shows each attack, and none that was skipped as passed."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from wellhead.redteam.outcome import Outcome, Study

_SILENT = {"unsupported": "skipped", "not run": "skipped", "failed": "error", "blocked": "error"}


def _legal(text: str) -> str:
    """Text without the characters that XML 1.0 cannot hold."""
    return "".join(c if c in "\t\n" or (c.isprintable() and not 0xFFFE <= ord(c) <= 0xFFFF) else "\ufffd" for c in text)


def junit(study: Study) -> bytes:
    """One test case an attack: unsupported ones skipped, failed and blocked ones in error."""
    kinds = [_SILENT.get(o.state, "") for o in study.outcomes]
    suite = ET.Element(
        "testsuite",
        name="wellhead red team",
        tests=str(len(kinds)),
        failures="0",
        errors=str(kinds.count("error")),
        skipped=str(kinds.count("skipped")),
        time=f"{study.spent_seconds:.3f}",
    )
    for outcome, kind in zip(study.outcomes, kinds, strict=True):
        _case(suite, outcome, kind)
    text: bytes = ET.tostring(suite, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _case(suite: ET.Element, outcome: Outcome, kind: str) -> None:
    room, name = _legal(outcome.room), _legal(outcome.attack)
    case = ET.SubElement(suite, "testcase", classname=room, name=name, time=f"{outcome.seconds:.3f}")
    if kind:
        ET.SubElement(case, kind, message=_legal(outcome.reason or outcome.state))
    if outcome.detail:
        ET.SubElement(case, "system-out").text = _legal(outcome.detail)
