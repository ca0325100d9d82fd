import msgspec
import pytest

from wellhead.config import Config, exposure_of, load, meanings, parse
from wellhead.core.batch import ATTRIBUTES
from wellhead.core.errors import ConfigError
from wellhead.core.exposure import Exposure

SECTIONS = {f: v for f in Config.__struct_fields__ if isinstance(v := getattr(Config(), f), msgspec.Struct)}


def wrong(text, environ=None):
    """The one line that a wrong file gets."""
    with pytest.raises(ConfigError) as caught:
        parse(text, environ)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_empty_file_is_every_default_and_observes():
    assert parse("") == Config()
    assert parse("").mode == "observe"


@pytest.mark.parametrize("section", SECTIONS)
def test_an_unknown_key_says_where_and_what_was_meant(section):
    for key in SECTIONS[section].__struct_fields__:
        said = wrong(f"[{section}]\n{key}s = 1")
        assert f"unknown key `{key}s` at `{section}`, did you mean `" in said


def test_a_key_like_no_other_lists_the_known_ones():
    assert "known: host, port" in wrong("[listen]\nzzzz = 1")


def test_two_sections_named_wrongly_are_said_together():
    said = wrong("[limit]\nmax_rows = 1\n[listn]\nport = 1\n[plans.gold.limits]\nmax-rows = 1")
    assert "`limit` at the top of the file, did you mean `limits`?" in said
    assert "`listn` at the top of the file, did you mean `listen`?" in said
    assert "`max-rows` at `plans.gold.limits`, did you mean `max_rows`?" in said


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("listen = 5", "listen"),
        ("plans = 5", "plans"),
        ("[plans]\ngold = 5", "plans.gold`"),
        ("[listen]\nport = '80'", "listen.port"),
        ("[listen]\nport = true", "listen.port"),
        ("[limits]\nmax_rows = 1.5", "limits.max_rows"),
        ("[rules]\nfiles = 'a.toml'", "rules.files"),
        ("[rules]\nfiles = [1]", "rules.files"),
        ("[identity]\nbearer = 1", "identity.bearer"),
    ],
)
def test_a_wrong_type_names_its_path(text, path):
    said = wrong(text)
    assert said.startswith("expected")
    assert f"`{path}" in said


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[limits]\nrows_per_minute = -1", "limits.rows_per_minute"),
        ("[limits]\nmax_body_bytes = -1", "limits.max_body_bytes"),
        ("[listen]\nport = 70000", "listen.port"),
        ("[listen]\nport = -1", "listen.port"),
        ("[valve]\nmax_drawn = 1.5", "valve.max_drawn"),
        ("[valve]\nmax_drawn = nan", "valve.max_drawn"),
        ("[valve]\nmax_drawn_group = -0.1", "valve.max_drawn_group"),
        ("[valve]\nwindow_days = 0", "valve.window_days"),
        ("[valve]\nclosed_for_s = inf", "valve.closed_for_s"),
        ("[upstream]\nread_timeout_s = 0", "upstream.read_timeout_s"),
        ("[exposure]\ndecimals = -2", "exposure.decimals"),
        ("[exposure]\ntop_k = 0", "exposure.top_k"),
        ("[audit]\ncheckpoint_every_s = 0.0", "audit.checkpoint_every_s"),
        ("[plans.gold]\nmax_drawn = 2.0", "plans.gold.max_drawn`"),
        ("[plans.gold.limits]\nmax_rows = -2", "plans.gold.limits.max_rows`"),
    ],
)
def test_an_absurd_number_names_its_path(text, path):
    assert f"`{path}" in wrong(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mode = 'enforc'", "expected one of observe, enforce at `mode`, got `enforc`; did you mean `enforce`?"),
        ("[model]\ntask = 'classify'", "did you mean `classifier`?"),
        ("[access]\nunauthenticated = 'drop'", "expected one of refuse, pool"),
        ("[paths]\nunreadable = 'opened'", "did you mean `open`?"),
        ("[exposure]\nexposure = 'probability'", "did you mean `probabilities`?"),
        ("[plans.gold.exposure]\nexposure = 'lables'", "exposure.exposure`, got `lables`; did you mean `label`?"),
        ("[detect]\nsegments = ['use', 'use']", "each word of `detect.segments` once, got use, use"),
        ("[valve]\nshare = ['agnt']", "`valve.share[0]`, got `agnt`; did you mean `agent`?"),
    ],
)
def test_a_bad_word_lists_the_good_ones(text, said):
    assert said in wrong(text)


def test_a_number_out_of_range_is_told():
    assert "> 0.0 at `detect.link_every_s`, got `0`" in wrong("[detect]\nlink_every_s = 0")


def test_what_can_be_shared_is_what_a_batch_knows():
    attributes = ", ".join(f'"{a}"' for a in ATTRIBUTES)
    assert parse(f"[valve]\nshare = [{attributes}]").valve.share == ATTRIBUTES


def test_a_syntax_error_says_the_line():
    assert "line 2" in wrong("[listen]\nport = = 1")


def test_a_plan_has_what_it_leaves_out_from_the_whole():
    text = "[limits]\nrows_per_minute = 7\n[exposure]\nexposure = 'label'\n"
    plan = parse(text + "[plans.gold.limits]\nmax_rows = 3\n[plans.gold.exposure]\ndecimals = 2").plans["gold"]
    assert (plan.limits.rows_per_minute, plan.limits.max_rows, plan.limits.burst_rows) == (7, 3, 600)
    assert (plan.exposure.exposure, plan.exposure.decimals) == ("label", 2)
    assert parse(text + "[plans.gold]\nmax_drawn = 1").plans["gold"].limits is None


def test_the_environment_stands_over_the_file_in_the_type_of_its_key():
    environ = {
        "WELLHEAD__LIMITS__ROWS_PER_MINUTE": "5",
        "WELLHEAD__MODE": "enforce",
        "WELLHEAD__IDENTITY__BEARER": "true",
        "WELLHEAD__VALVE__MAX_DRAWN": "0.5",
        "WELLHEAD__VALVE__ALLOW": "ann, bob",
        "WELLHEAD__PLANS__GOLD__LIMITS__MAX_ROWS": "9",
        "WELLHEAD_OTHER": "ignored",
        "PATH": "ignored",
    }
    config = parse("[limits]\nrows_per_minute = 9\nmax_rows = 3", environ)
    assert (config.limits.rows_per_minute, config.limits.max_rows) == (5, 3)
    assert (config.mode, config.identity.bearer, config.valve.max_drawn) == ("enforce", True, 0.5)
    assert config.valve.allow == ("ann", "bob")
    assert (config.plans["gold"].limits.max_rows, config.plans["gold"].limits.rows_per_minute) == (9, 5)


def test_an_environment_variable_makes_no_mistake_of_the_file_pass():
    assert "`listen.port`" in wrong("[listen]\nport = '80'", {"WELLHEAD__MODE": "enforce"})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("WELLHEAD__LISTN__PORT", "1", "unknown key `listn`; did you mean `listen`?"),
        ("WELLHEAD__LISTEN__PROT", "1", "unknown key `prot`; did you mean `port`?"),
        ("WELLHEAD__MODE__PORT", "1", "unknown key `port`"),
        ("WELLHEAD__", "1", "unknown key ``"),
        ("WELLHEAD__LISTEN", "1", "expected `object`"),
        ("WELLHEAD__LISTEN__PORT", "many", "expected `int`"),
        ("WELLHEAD__MODE", "enforc", "enforc"),
    ],
)
def test_a_wrong_variable_is_named(name, value, said):
    line = wrong("", {name: value})
    assert line.startswith(f"{name}: ")
    assert said in line


def test_a_variable_below_a_key_that_is_no_table():
    assert "expected a table `listen`" in wrong("listen = 5", {"WELLHEAD__LISTEN__PORT": "1"})


def test_a_variable_out_of_range_names_its_path():
    assert "`listen.port`" in wrong("", {"WELLHEAD__LISTEN__PORT": "70000"})


def test_a_file_is_read_with_the_environment(tmp_path, monkeypatch):
    file = tmp_path / "wellhead.toml"
    file.write_text("[listen]\nport = 1\nhost = '::1'")
    monkeypatch.setenv("WELLHEAD__LISTEN__PORT", "2")
    assert (load(file).listen.port, load(file).listen.host) == (2, "::1")


@pytest.mark.parametrize(("content", "said"), [(None, "wellhead init"), (b"mode = 'x'", "mode"), (b"\xff", "UTF-8")])
def test_a_file_that_cannot_be_used_is_named(tmp_path, content, said):
    file = tmp_path / "wellhead.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=said.replace("$", r"\$")) as caught:
        load(file)
    assert str(file) in str(caught.value)


def test_the_word_of_an_exposure_is_its_member():
    for word in ("label", "top_k", "probabilities", "logits"):
        assert exposure_of(parse(f"[exposure]\nexposure = '{word}'").exposure) is Exposure.parse(word)


@pytest.mark.parametrize("section", [Config(), *SECTIONS.values()], ids=lambda s: type(s).__name__)
def test_every_key_has_a_meaning_and_every_section_too(section):
    assert type(section).__doc__
    for key, meaning in meanings(type(section)).items():
        is_table = isinstance(getattr(section, key), msgspec.Struct | dict)
        assert is_table or meaning.endswith(".")
