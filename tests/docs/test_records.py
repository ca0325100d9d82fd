"""The table on the page is the one that the benchmark wrote."""

from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]


def test_the_table_of_differential_privacy_is_what_was_measured():
    page = (ROOT / "docs" / "records.md").read_text(encoding="utf-8")
    found = msgspec.json.decode((ROOT / "benchmarks" / "results" / "privacy.json").read_bytes())
    value = {f["figure"]: f["value"] for f in found}
    for row, name in (("no noise", "dp_none"), ("epsilon 8", "dp_epsilon_8"), ("epsilon 2", "dp_epsilon_2")):
        cells = next(line for line in page.splitlines() if line.startswith(f"| {row} |")).replace("*", "").split("|")
        shown = [float(c.split("%")[0]) / (100 if "%" in c else 1) for c in cells[2:7]]
        words = ("accuracy", "membership_tpr1", "membership_auc", "clone_fidelity", "label_only_clone_fidelity")
        assert all(abs(a - value[f"{name}_{w}"]) <= 0.0051 for a, w in zip(shown, words, strict=True))
