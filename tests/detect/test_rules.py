from pathlib import Path

import msgspec
import numpy as np
import pytest

from wellhead.core.errors import ConfigError
from wellhead.detect.rules import FIELDS, Rules, parse, shipped
from wellhead.meter.sketch import Sketches, View
from wellhead.testing.signals import check_signal
from wellhead.testing.sketches import rows

OWN = """
name = "night_shift"
why = "why"
honest = "nobody"
min_rows = 10
[[conditions]]
field = "volume_3600s"
op = ">"
value = 5
[[hit]]
rows = 10
volume_3600s = 6
[[miss]]
rows = 10
volume_3600s = 5
"""


def test_shipped_rules():
    assert {rule.name for rule in shipped()} == {
        "volume",
        "unique_ratio",
        "full_scores",
        "full_confidence",
        "near_boundary",
        "regular_timing",
        "three_signals",
    }


def test_every_shipped_rule_holds_on_its_own_examples():
    assert Rules().test() == []


def test_the_contract_of_signals():
    rules = Rules()
    check_signal(rules, [view for rule in rules.rules for view in rule.hit])


def test_every_condition_of_every_rule_is_needed_by_an_example():
    for rule in shipped():
        for i in range(len(rule.conditions)):
            fewer = msgspec.structs.replace(rule, conditions=rule.conditions[:i] + rule.conditions[i + 1 :])
            kept = [v for v in rule.miss if not fewer.conditions or fewer.read(v) is not None]
            assert kept or rule.name == "three_signals", f"{rule.name}: condition {i} decides no example"


def test_a_hit_says_what_and_how_much():
    (signal,) = Rules().read(View(principal="p", rows=32, unique_ratio=1.0))
    assert (signal.name, signal.principal, signal.n) == ("unique_ratio", "p", 32)
    assert (signal.value, signal.threshold) == (1.0, 0.98)
    assert signal.detail == "unique_ratio: unique_ratio 1 >= 0.98 at 32 rows"


def test_a_thief_is_noticed_and_a_customer_is_not():
    rng = np.random.default_rng(0)
    customer = np.where(rng.random(400) < 0.3, rng.integers(0, 40, 400), 10_000 + np.arange(400))
    sketches = Sketches()
    sketches.update(rows(["thief"] * 400 + ["customer"] * 400, np.concatenate((np.arange(400), customer))))
    rules = Rules()
    assert {"unique_ratio", "three_signals"} <= {s.name for s in rules.read(sketches.view("thief"))}
    assert rules.read(sketches.view("customer")) == []


def test_own_rules_join_and_replace():
    rules = Rules({"own.toml": OWN})
    assert rules.rules[-1].name == "night_shift" and rules.test() == []
    replaced = Rules({"own.toml": OWN.replace("night_shift", "volume")})
    assert len(replaced.rules) == len(shipped())


def test_disabled_rules_are_out():
    assert "volume" not in {rule.name for rule in Rules(disabled=("volume",)).rules}


TWO = """
[[conditions]]
field = "unique_ratio"
op = "{}"
value = {}
[[hit]]"""


@pytest.mark.parametrize(("op", "value"), [(">=", 2.0), (">", 1.0), ("<", 0.0), ("<=", -0.1), (">=", "nan")])
def test_a_rule_that_can_never_hit_is_refused(op, value):
    with pytest.raises(ConfigError, match="own.toml: what is asked of `unique_ratio` can never hold; it is 0 to 1"):
        parse(OWN.replace("[[hit]]", TWO.format(op, value), 1), "own.toml")


def test_conditions_that_leave_one_value_can_hold_and_those_that_leave_none_cannot():
    both = OWN.replace("[[hit]]", TWO.format(">=", 1), 1)
    assert parse(both.replace("[[hit]]", TWO.format("<=", 1), 1), "own.toml")
    with pytest.raises(ConfigError, match="can never hold"):
        parse(both.replace("[[hit]]", TWO.format("<", 1), 1), "own.toml")
    with pytest.raises(ConfigError, match="`volume_3600s` can never hold; it is 0 or more"):
        parse(OWN.replace("value = 5", "value = inf"), "own.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (OWN.replace("volume_3600s", "volume_360s"), r"own.toml: .*volume_360s.*did you mean `volume_3600s`\?"),
        (OWN.replace('op = ">"', 'op = "=>"'), r"own.toml: there is no operator `=>`; did you mean `>=?`\?"),
        (OWN.replace("why =", "whi ="), r"own.toml: .*`whi`.*did you mean `why`\?"),
        (OWN.replace("value = 5", "valeu = 5"), r"`valeu`.*did you mean `value`\?"),
        (OWN.replace("rows = 10\nvolume_3600s = 6", "row = 10"), r"`row`.*did you mean `rows`\?"),
        (OWN.replace("value = 5", 'value = "5"'), r"own.toml: Expected `float`, got `str`"),
        (OWN.replace('why = "why"', 'why = "why"\nseverity = "hihg"'), r"severity `hihg`; did you mean `high`\?"),
        (OWN.partition("[[miss]]")[0], "missing required field `miss`"),
        (OWN + "=", "expected TOML"),
        (
            "conditions = []\nhit = []\nmiss = []\n" + OWN.partition("[[conditions]]")[0],
            "at least one entry in `conditions`",
        ),
    ],
)
def test_bad_rules_say_what_was_meant(text, message):
    with pytest.raises(ConfigError, match=message):
        parse(text, "own.toml")


def test_disabling_what_does_not_exist_is_an_error():
    with pytest.raises(ConfigError, match=r"no rule `volumes`; did you mean `volume`\?"):
        Rules(disabled=("volumes",))


def test_a_wrong_example_is_reported():
    (failure,) = Rules({"own.toml": OWN.replace("volume_3600s = 6", "volume_3600s = 4")}).test()
    assert (failure.rule, failure.expected) == ("night_shift", "hit")


def test_a_name_or_an_attribute_is_no_field():
    assert not {"principal", "attributes"} & set(FIELDS)


def test_the_page_on_rules_holds():
    page = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()
    text = page.split("```toml\n")[1].split("```")[0]
    assert parse(text, "docs/rules.md").name == "night_reader"
    assert Rules({"docs/rules.md": text}).test() == []
    assert all(f"`{field}`" in page for field in FIELDS)


@pytest.mark.parametrize("least", [0, -5])
def test_rows_below_one_are_said(least):
    with pytest.raises(ConfigError, match=f"mine.toml: expected min_rows of at least 1, got {least}"):
        parse(OWN.replace("min_rows = 10", f"min_rows = {least}"), "mine.toml")
