from wellhead.detect.signals.texture import Texture
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(Texture(), high=views(texture=[0.2, 0.57]), low=views(texture=[0.2, 0.0]))
