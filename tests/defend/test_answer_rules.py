import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.errors import ConfigError
from wellhead.defend.answer_rules import REDACTED, SECRETS, AnswerRules, rule

WORDS = st.text(max_size=20)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


def rules(*patterns, **more):
    return AnswerRules([rule("house", patterns, **more)])


def leaves(tree):
    if isinstance(tree, dict):
        return [x for k, v in tree.items() for x in (k, *leaves(v))]
    return [x for item in tree for x in leaves(item)] if isinstance(tree, list) else [tree]


@given(TREES)
def test_no_string_that_leaves_holds_a_canary(tree):
    tree = {"a": tree, "said": "xx CANARY-7 yy"}
    screened = rules(canaries=["CANARY-7"]).screen(json.dumps(tree).encode())
    said = json.loads(screened.body)
    assert screened.hits == ("house",)
    assert not any("CANARY-7" in str(x) for x in leaves(said))
    assert said["said"] == f"xx {REDACTED} yy"
    if "CANARY-7" not in json.dumps(tree["a"]):
        assert said["a"] == tree["a"]


@given(TREES)
def test_what_no_rule_hits_leaves_as_the_same_bytes(tree):
    body = json.dumps(tree, indent=1).encode()
    assert rules("canary-that-nobody-writes").screen(body).body is body


def test_an_escape_hides_nothing():
    body = rb'{"label": "CAN\u0041RY", "CAN\u0041RY": 1}'
    assert json.loads(rules("CANARY").screen(body).body) == {"label": REDACTED, REDACTED: 1}


def test_both_values_of_a_key_that_occurs_twice_are_screened():
    body = rb'{"a": "CANARY", "a": "fine"}'
    assert b"CANARY" not in rules("CANARY").screen(body).body


def test_numbers_keep_the_models_own_digits():
    body = b'{"scores": [0.10, 1e-5, 12345678901234567890], "said": "CANARY"}'
    assert b"[0.10,1e-5,12345678901234567890]" in rules("CANARY", r"\d+").screen(body).body


def test_a_body_that_is_no_json_is_screened_as_text():
    assert rules("Fehlstände").screen("oh: Fehlstände".encode()).body == f"oh: {REDACTED}".encode()
    assert rules("x1").screen(b"\xff\xfe x1").body == b"\xff\xfe " + REDACTED.encode()


def test_a_deep_body_is_screened_as_text():
    body = b"[" * 100_000 + b'"CANARY"' + b"]" * 100_000
    assert b"CANARY" not in rules("CANARY").screen(body).body


@pytest.mark.parametrize(
    "patterns", [("(zz)zz", r"(x)\1"), (r"(?P<a>zz)", r"(?P<a>x)(?P=a)"), ("xx", "zz"), ("x*?x", "(?i)ZZ")]
)
def test_each_pattern_of_a_rule_is_one_of_its_own(patterns):
    assert json.loads(rules(*patterns).screen(b'["xx", "zzzz", "y"]').body)[0] != "xx"
    assert json.loads(rules(*patterns, refuse=False).screen(b'"xxy"').body).endswith("y")


def test_a_backreference_is_to_its_own_pattern_in_whatever_place():
    assert rules("(a)b", r"(o)(m)\2").screen(b'"hommage"').body == f'"h{REDACTED}age"'.encode()


@given(
    st.lists(st.sampled_from(["ab", "bc", "abc", "c", "cd+", "a.*d", "b"]), min_size=1), st.text("abcd", max_size=12)
)
def test_whatever_any_pattern_finds_is_taken_out_whole(patterns, text):
    taken = [False] * len(text)
    for pattern in patterns:
        for found in re.finditer(pattern, text):
            taken[found.start() : found.end()] = [True] * (found.end() - found.start())
    left = "".join(c for c, gone in zip(text, taken, strict=True) if not gone)
    assert json.loads(rules(*patterns).screen(json.dumps(text).encode()).body).replace(REDACTED, "") == left


def test_a_rule_that_refuses_sees_what_one_before_it_takes_out():
    both = AnswerRules([rule("house", ["plum"]), rule("more", ["plum-7"], refuse=True)])
    assert both.screen(b'"plum-7"') == (b"", ("house", "more"), True)
    assert both.screen(b'"plum-8"').hits == ("house",)


def test_of_two_canaries_the_longer_one_is_found():
    assert rules(canaries=["plum", "plum-7"]).screen(b'"plum-7"').body == f'"{REDACTED}"'.encode()


@pytest.mark.parametrize("gap", ["\n", "\r\n", "\n\n", " ", "\x1e", ""])
def test_an_escape_hides_nothing_in_documents_one_after_another(gap):
    lines = [r'{"scores": [0.10], "said": "CAN\u0041RY"}', r'"\u0043ANARY"', '{"fine": 1}']
    screened = rules("CANARY").screen((gap + gap.join(lines) + gap).encode())
    expected = [f'{{"scores":[0.10],"said":"{REDACTED}"}}', f'"{REDACTED}"', '{"fine":1}']
    assert screened == ((gap + gap.join(expected) + gap).encode(), ("house",), False)


@pytest.mark.parametrize("secret", ["CANARY", "Pläne 7", "\U0001f511 key", 'a"b\\c\n', "\ud83d plum"])
@pytest.mark.parametrize("wrapped", ["data: %s\n\n", "oh %s \\ \\u12", "x=%s\\", "\\n\\\\ %s {"])
def test_an_escape_hides_nothing_in_a_text(secret, wrapped):
    body = wrapped % "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else json.dumps(c)[1:-1] for c in secret)
    screened = rules(canaries=[secret]).screen(body.encode())
    assert screened == ((wrapped % REDACTED).encode(), ("house",), False)
    part = wrapped % json.dumps(secret)[1:-1]
    assert rules(canaries=[secret]).screen(part.encode()).body == (wrapped % REDACTED).encode()


def test_an_escape_within_an_escape_hides_nothing():
    body = json.dumps({"said": json.dumps("a Pläne")}).encode()
    assert json.loads(rules("Pläne").screen(body).body) == {"said": f'"a {REDACTED}"'}


def test_numbers_in_a_text_are_looked_into():
    assert rules(r"\d{4} \d{4}").screen(b"4111 1111").body == REDACTED.encode()


@given(st.text(alphabet='ab\\nu0041/"', max_size=30))
def test_a_text_that_no_rule_hits_leaves_as_the_same_bytes(text):
    body = ("x " + text).encode()
    assert rules("nobody writes that").screen(body).body is body


def test_refuse_lets_nothing_leave():
    screened = rules("CANARY", refuse=True).screen(b'"CANARY"')
    assert screened == (b"", ("house",), True)


@pytest.mark.parametrize(
    "secret",
    [
        "AKIA" + "Q" * 16,
        "ghp_" + "a1" * 18,
        "xoxb-" + "1" * 12,
        "AIza" + "b" * 35,
        "sk-" + "c" * 32,
        "sk_live_" + "d" * 24,
        "glpat-" + "e" * 20,
        "eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMe",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_secrets_are_found_by_their_form(secret):
    said = json.loads(rules(*SECRETS).screen(json.dumps({"e": f"key={secret};"}).encode()).body)
    assert said == {"e": f"key={REDACTED};"}


def test_plain_words_are_no_secrets():
    body = b'{"label": "skating", "e": "expected eyJ, got AKIA and sk-short"}'
    assert rules(*SECRETS).screen(body).hits == ()


@pytest.mark.parametrize(("patterns", "said"), [((), "got none"), (("(",), "regular"), (("x*",), "everywhere")])
def test_a_rule_that_cannot_be_used_is_refused(patterns, said):
    with pytest.raises(ConfigError, match=said):
        rule("house", patterns)
