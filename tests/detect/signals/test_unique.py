from wellhead.detect.signals.unique import Unique
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(
        Unique(), high=views(unique_ratio=[0.9, 1.0], rows=512), low=views(unique_ratio=[0.9, 0.01], rows=512)
    )


def test_never_repeating_says_more_the_longer_it_lasts():
    short, long = Unique().read(views(unique_ratio=1.0, rows=[16, 4096]))
    assert long > short + 5.0
