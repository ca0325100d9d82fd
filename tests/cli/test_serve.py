import pytest


def test_the_config_is_read_and_served(place, wellhead, monkeypatch):
    served = []
    monkeypatch.setattr("wellhead.serve.run.serve", served.append)
    assert wellhead("serve")[0] == 0
    assert served[0].audit.directory == "log"


@pytest.mark.parametrize(
    ("text", "said"), [("mode = 'enforc'", "enforce"), ("[listen]\nprot = 1", "did you mean `port`?")]
)
def test_a_wrong_config_is_one_line_before_anything_starts(place, wellhead, text, said):
    (place / "wellhead.toml").write_text(text)
    code, out, err = wellhead("serve")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
