import pytest

from wellhead.core.errors import ConfigError
from wellhead.redteam.opened import Opened, brief


def test_a_target_without_a_model_of_its_own_cannot_be_asked_directly():
    with pytest.raises(ConfigError, match="oracle"):
        Opened().model(["x"])


def test_what_others_say_is_cut_between_words():
    assert brief(ValueError("")) == "ValueError" and brief(ValueError("one\ntwo")) == "one"
    assert brief(ValueError("No file a.pkl. This is odd.")) == "No file a.pkl."
    assert brief(ValueError("word " * 100)).endswith("word ...")
