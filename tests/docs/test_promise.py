"""The numbers on the pages of the promise are those of the code, and its examples are of commands that there are."""

import re
from pathlib import Path

from wellhead.cli.main import parser
from wellhead.detect import order
from wellhead.detect.budget import AlarmBudget
from wellhead.detect.promise import COARSELY, NOW, WATCHING

DOCS = Path(__file__).parents[2] / "docs"
PROMISE, BACKTEST = ((DOCS / name).read_text() for name in ("promise.md", "backtest.md"))


def numbers(line):
    return [int(cell.replace(",", "")) for cell in line.split("|")[2:-1]]


def test_what_is_needed():
    lines = dict(re.findall(r"^\| (segments|1 in 100|1 in 1,000) (\|.*)$", PROMISE, re.MULTILINE))
    shares = numbers("|" + lines["segments"])
    for word, alpha in (("1 in 100", 0.01), ("1 in 1,000", 0.001)):
        assert numbers("|" + lines[word]) == [order.needed(alpha, share) for share in shares]


def test_the_run_on_the_page_is_as_the_code_would_say_it():
    budget = AlarmBudget.parse(re.search(r"Alarm budget: (.*)", PROMISE)[1])
    rows = re.findall(r"use=\w+ +(\d+) +(\d+)  (promisable[a-z0-9 ]+?)  +[\d.]+  ([\d.]+)% \.\. ([\d.]+)%", PROMISE)
    assert len(rows) == 2
    # the budget is promised to one of the two, and 1 in 100 could be to both
    for (size, needed, word, low, high), share in zip(rows, (1, 2), strict=True):
        alpha = budget.alpha if word == NOW else 0.01
        assert int(needed) == order.needed(alpha, share)
        expected = order.interval(int(size), order.rank(int(size), alpha, share))
        assert [f"{100 * x:.3f}" for x in expected] == [low, high]


def test_the_three_words_are_explained():
    for word in (NOW, COARSELY, WATCHING):
        assert f"*{word}*" in PROMISE


def test_every_command_on_the_pages_parses():
    for line in re.findall(r"^    (?:\$ )?wellhead (.*?)(?:  +#.*)?$", PROMISE + BACKTEST, re.MULTILINE):
        words = [w.strip("'") for w in re.findall(r"'[^']*'|\S+", line)]
        parser().parse_args(words)
