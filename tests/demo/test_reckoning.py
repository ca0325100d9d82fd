import io

from rich.console import Console

from wellhead.demo.reckoning import Summary, show

SUMMARY = Summary(
    thief_fidelity_open=0.97, thief_fidelity_guarded=0.9, thief_queries=4000, thief_answers_open=4000,
    thief_answers_guarded=280, replication_at_alarm=0.87, queries_at_alarm=270, thief_accounts_found=8,
    honest_accused=0,
    honest_answers_changed=0.0, honest_queries=3000, added_latency_ms=0.4, log_verified=True,
    log_verdicts=("integrity PASS",), timeline=((1.5, "alarm [x]"),), profile_check="checked", seconds=40.0,
)  # fmt: skip


def test_the_terminal_tells_the_whole_story(tmp_path):
    console = Console(file=io.StringIO(), width=120)
    show(console, tmp_path, SUMMARY)
    said = console.file.getvalue()
    for part in (
        "1.5 s",
        "97.0%",
        "90.0%",
        "270 of the thief's 4000",
        "8 of 8",
        "0 accused",
        "integrity PASS",
        "report.html",
    ):
        assert part in said
