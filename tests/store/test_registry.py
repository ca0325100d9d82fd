import stat

import pytest

from wellhead.core.errors import StoreError
from wellhead.store.registry import Registration, Registry


def test_comes_back_as_saved_and_is_private(tmp_path):
    path = tmp_path / "principals.json"
    held = Registration(created_s=1.7e9, email="ab", network="cd", plan="free", use="batch", suspicion=2.5)
    Registry({"anna": held, "ben": Registration()}).save(path)
    assert Registry.load(path).principals == {"anna": held, "ben": Registration()}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["principals.json"]


def test_no_file_is_nobody(tmp_path):
    assert Registry.load(tmp_path / "none.json").principals == {}


@pytest.mark.parametrize(
    ("text", "why"), [("{", "import them again"), ('{"v": 2, "principals": {}}', "schema 1"), ("[]", "expected")]
)
def test_a_damaged_file_is_said(tmp_path, text, why):
    path = tmp_path / "principals.json"
    path.write_text(text)
    with pytest.raises(StoreError, match=why):
        Registry.load(path)


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(StoreError, match="expected to write"):
        Registry().save(tmp_path / "none" / "principals.json")
    with pytest.raises(StoreError, match="expected registrations"):
        Registry.load(tmp_path)


def test_what_detectors_are_told():
    registry = Registry({"a": Registration(created_s=0.0, suspicion=3.0), "b": Registration(suspicion=1.0)})
    assert registry.cohort == {"a": 3.0}


def test_what_segments_are_told():
    held = {"a": Registration(plan="free", use="batch"), "b": Registration(use="resale"), "c": Registration()}
    assert Registry(held).declared == {"a": (("plan", "free"), ("use", "batch")), "b": (("use", "resale"),)}
