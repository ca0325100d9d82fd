import numpy as np
import pytest

from wellhead.core.errors import ConfigError
from wellhead.redteam.files import read_table


def test_every_kind_is_read(tmp_path):
    x = np.arange(12.0).reshape(3, 4)
    np.save(tmp_path / "a.npy", x)
    np.savez(tmp_path / "a.npz", inputs=x, labels=[0, 1, 2])
    (tmp_path / "a.csv").write_text("\n".join(",".join(map(str, row)) for row in x))
    (tmp_path / "a.txt").write_text("one\n\ntwo\n")
    for name in ("a.npy", "a.npz", "a.csv"):
        table = read_table(tmp_path / name)
        assert table.inputs.dtype == np.float32 and np.array_equal(table.inputs, x)
    assert read_table(tmp_path / "a.npz").labels.tolist() == [0, 1, 2]
    assert read_table(tmp_path / "a.txt") == (["one", "two"], None)


def test_a_csv_may_have_a_header_gaps_and_its_label_last(tmp_path):
    (tmp_path / "a.csv").write_text("f1,f2,label\n1,,0\n3,4,2\n")
    table = read_table(tmp_path / "a.csv")
    assert np.isnan(table.inputs[0, 1]) and table.labels.tolist() == [0, 2]
    (tmp_path / "b.csv").write_text("1,2,0\n3,4,2\n")
    assert read_table(tmp_path / "b.csv").labels is None
    assert read_table(tmp_path / "b.csv", labelled=True).labels.tolist() == [0, 2]


def test_texts_in_npz(tmp_path):
    np.savez(tmp_path / "a.npz", inputs=np.array(["x", "yy"]), labels=[1, 0])
    assert read_table(tmp_path / "a.npz", labelled=True).inputs == ["x", "yy"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.parquet", b"", "file, got"),
        ("a.csv", b"", "got none"),
        ("a.csv", b"1,2\n3\n", "expected inputs in"),
        ("a.csv", b"1,inf\n", "finite"),
        ("a.npy", b"junk", "expected inputs in"),
        ("a.npz", b"PK", "expected inputs in"),
        ("a.txt", b"\xff\xfe", "expected inputs in"),
        ("none.npy", None, "No such file"),
    ],
)
def test_what_cannot_be_read_names_the_file(tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        read_table(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n\n3,red\n", "'red', which is no number, in line 4, column 2"),
        ("1,2\n3\n", "1 cells in line 2, where the first row has 2"),
    ],
)
def test_a_csv_that_holds_text_is_told_where(tmp_path, text, said):
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(ConfigError, match=said):
        read_table(tmp_path / "bad.csv")


def test_labels_must_be_class_indices_and_there(tmp_path):
    (tmp_path / "a.csv").write_text("1,2,0.5\n")
    with pytest.raises(ConfigError, match="class indices"):
        read_table(tmp_path / "a.csv", labelled=True)
    np.save(tmp_path / "a.npy", np.ones((2, 2)))
    with pytest.raises(ConfigError, match="expected labels"):
        read_table(tmp_path / "a.npy", labelled=True)
    np.savez(tmp_path / "a.npz", inputs=np.ones((2, 2)), labels=[0])
    with pytest.raises(ConfigError, match="as many labels"):
        read_table(tmp_path / "a.npz")


def test_a_pickle_in_an_array_file_is_not_run(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}, {}], object), allow_pickle=True)
    with pytest.raises(ConfigError, match="expected inputs in"):
        read_table(tmp_path / "a.npy")
