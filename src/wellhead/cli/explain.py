"""`wellhead explain PRINCIPAL`: why it stands where it stands."""

from __future__ import annotations

import argparse

from wellhead.cli.ask import add_config, ask_gate, until
from wellhead.cli.status import campaign
from wellhead.core.words import chance, share
from wellhead.serve.status import ALARMED, Ask, Explanation


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    p = commands.add_parser("explain", help="why a principal stands where it stands")
    p.add_argument("principal")
    add_config(p)
    p.add_argument("--json", action="store_true", help="as JSON")
    p.set_defaults(run=run)


def sentences(e: Explanation) -> list[str]:
    """The explanation in plain words, one fact a line."""
    s = e.standing
    lines = [f"{s.principal}: {s.rows} rows metered, {share(e.unique_ratio)} of its inputs new when asked."]
    if s.replication < 0:
        lines.append("No ledger has been read: too little was asked to need one, or there is no profile yet.")
    else:
        lines.append(
            f"With what it has been told it can reproduce {'at least' if s.at_least else 'an estimated'} "
            f"{share(s.replication)} of the model{' (real learners do)' if s.by == 'refit' else ''} "
            f"(of {share(s.attainable)} attainable; guessing gives {share(s.floor)}): {share(s.drawn)} of the way, "
            f"limit {share(e.limit)}; {s.bits:.0f} bits of information."
        )
    lines += _guilt(e)
    lines += [f"Rule hit: {text}" for text in e.signals] or ["No rule hit."]
    if e.shares_with:
        lines.append(
            "Summed with, because they share an attribute and each has a rule hit: " + ", ".join(e.shares_with)
        )
    if e.campaign:
        lines.append(f"Acts as one with {', '.join(e.campaign)}: {'; '.join(e.campaign_reasons) or 'see `findings`'}.")
    if e.acting:
        lines.append(f"Together: {campaign(e.acting)}; {e.acting.comparison}.")
    lines += [f"Finding: {text}" for text in e.findings]
    end = f" until {until(s.expires_us)}" if s.expires_us else ""
    lines.append(f"Stance: {s.stance}{end}" + (f" ({s.reason})." if s.reason else "."))
    return lines


def _guilt(e: Explanation) -> list[str]:
    """How unlike honest principals it is, and what speaks most against it."""
    s = e.standing
    if not s.word:
        return []
    said = "guilt is established" if s.word == ALARMED else s.word
    likely = f"{chance(s.p)}; " if s.p >= 0 else ""
    return [
        f"Among honest principals like it (segment {s.segment}): {likely}{said}.",
        *(f"Evidence: {text}" for text in e.evidence),
    ]


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation."""
    explanation = ask_gate(arguments, Ask(ask="explain", principal=arguments.principal)).explanation
    if explanation is None:
        return 1
    if arguments.json:
        import msgspec

        print(msgspec.json.encode(explanation).decode())
        return 0
    print("\n".join(sentences(explanation)))
    return 0
