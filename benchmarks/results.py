"""Figures: what a benchmark found, written as JSON and shown as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

RESULTS = Path(__file__).parent / "results"

TARGETS = {
    "proxy_cpu_ratio_envoy": 1.6,
    "middleware_cpu_us": 35.0,
    "meter_us_per_event": 1.0,
    "principal_bytes": 4096.0,
    "cost_ratio_1e6_1e4": 1.5,
    "audit_appends_per_s": 150_000.0,
    "audit_verify_per_s": 150_000.0,
    "replication_mae_probabilities": 3.0,
    "replication_mae_labels": 3.0,
    "replication_mae_mixed": 3.0,
    "softmax_digits_queries": 70.0,
    "softmax_digits_max_error": 1e-6,
    "mlp_exact_fidelity": 1.0,
    "mlp_exact_queries": 9_000.0,
    "mlp_exact_calls": 60.0,
    "mlp64_exact_fidelity": 1.0,
    "mlp64_exact_queries": 17_000.0,
    "mlp64_exact_calls": 120.0,
    "retrain_fidelity_vs_art": -1.0,
    "retrain_seconds_vs_art": 1.2,
    "retrain_calls_vs_art": 0.02,
    "lira_tpr1_location_vs_art": 3.0,
    "lira_tpr01_bits_vs_art": 5.0,
    "lira_tpr1_vs_sacro": 1.0,
    "lira_seconds_vs_sacro": 0.7,
    "label_only_calls_vs_art": 0.1,
    "tramer_rows_reproduced": 1.0,
    "shadow64_seconds": 60.0,
    "scan_aggregates_vs_naive_parquet": 40.0,
    "scan_aggregates_vs_naive_json": 8.0,
    "scan_full_vs_naive": 1.0,
    "realised_lower_over_promised_1in100_worst": 1.0,
    "realised_lower_over_promised_1in1000_worst": 1.0,
    "single_found_share": 1.0,
    "disagreement_ratio_at_alarm_single": 2.0,
    "disagreement_ratio_at_alarm_campaign": 1.5,
    "campaign_recall": 0.9,
    "campaign_honest_swept": 0.01,
    "peers_beaten_share": 1.0,
    "guarantee_failures": 0.0,
    "slowest_defence_us_k100": 100.0,
    "modelguard_w_us_k100": 1_200.0,
    "modelguard_w_speedup_vs_lp": 7.0,
    "modelguard_w_speedup_k100": 10.0,
    "modelguard_w_gap": 1.4e-8,
    "modelguard_w_infeasible": 0.0,
    "label_only_thief_identical": 1.0,
    "defend_tab20_label_only_off": 0.02,
    "defend_tab20_modelguard_w_soft": 0.35,
    "mark_p_digits": 1e-6,
    "mark_p_tab20": 1e-6,
    "mark_p_independent_min": 0.05,
    "adaptive_honest_unchanged": 0.995,
    "adaptive_best_thief_minus_label_only": 1.0,
}
"""What the project has promised of a figure, in the figure's own unit."""


class Figure(msgspec.Struct, frozen=True):
    """One number. peer: what it was measured beside, empty where it stands alone.  better: lower, higher or empty."""

    figure: str
    value: float
    unit: str
    peer: str = ""
    better: str = "lower"


def write(name: str, figures: Sequence[Figure]) -> Path:
    """Write benchmarks/results/NAME.json and print the table."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1) + b"\n")
    show(name, figures)
    return path


def read(name: str) -> list[Figure]:
    """What an earlier run wrote; empty where there was none."""
    path = RESULTS / f"{name}.json"
    return msgspec.json.decode(path.read_bytes(), type=list[Figure]) if path.exists() else []


def verdict(figure: Figure) -> str:
    """`met`, `missed`, or empty where nothing was promised."""
    target = TARGETS.get(figure.figure)
    if target is None:
        return ""
    met = figure.value >= target if figure.better == "higher" else figure.value <= target
    return "met" if met else "missed"


def show(name: str, figures: Sequence[Figure]) -> None:
    """The figures as a table, with what was promised of them."""
    from rich.console import Console
    from rich.table import Table

    table = Table("figure", title=name, box=None, header_style="bold", title_justify="left")
    for head in ("value", "unit", "promised", "", "beside"):
        table.add_column(head, justify="right" if head in ("value", "promised") else "left")
    for f in figures:
        target = TARGETS.get(f.figure)
        bound = "" if target is None else f"{'>=' if f.better == 'higher' else '<='} {target:,.6g}"
        kept = verdict(f)
        colour = {"met": "green", "missed": "red"}.get(kept, "")
        value = f"{f.value:,.4g}" if abs(f.value) < 1000 else f"{f.value:,.0f}"
        table.add_row(f.figure, value, f.unit, bound, kept, f.peer, style=colour)
    Console(width=140).print(table)
