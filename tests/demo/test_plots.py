import xml.etree.ElementTree as ET

from wellhead.demo.plots import fidelity, replication
from wellhead.demo.tale import Line
from wellhead.redteam.measure import Best, Fidelity, Point

LINE = Line("a", [0, 8, 100], [0.1, 0.4, 0.8])
POINTS = [
    Point(n, Best(None, "mlp", "scores", Fidelity(v, v - 0.02, v + 0.02, 500, 0.1))) for n, v in ((50, 0.7), (400, 0.9))
]


def test_pictures_are_svg_that_stands_alone_and_names_its_lines():
    for svg, words in (
        (
            replication(LINE, [LINE], [LINE], (0.8, 0.7), (64, 0.71)),
            ("closes for one principal", "closes for a group", "alarm", "honest customers"),
        ),
        (fidelity(POINTS, POINTS[:1]), ("with Wellhead", "without Wellhead", "90.0%")),
    ):
        assert ET.fromstring(svg).tag.endswith("svg")  # noqa: S314 - our own drawing
        assert all(word in svg for word in words)
        assert "<script" not in svg and 'href="http' not in svg


def test_the_same_numbers_give_the_same_picture():
    assert fidelity(POINTS, []) == fidelity(POINTS, [])


def test_no_alarm_is_no_mark():
    assert "alarm" not in replication(LINE, [], [], (0.8, 0.7), (0, 0.0))
