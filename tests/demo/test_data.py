import numpy as np

from wellhead.demo.data import mnist, shifted, split, thief_pool


def test_the_parts_share_no_image():
    parts = split(np.random.default_rng(0))
    images = np.concatenate([parts.owner, parts.thief, parts.customers, parts.judge])
    assert len(images) == 5000
    assert len({i.tobytes() for i in images}) == len({i.tobytes() for i in mnist()[0]})
    assert images.min() >= 0.0 and images.max() <= 1.0


def test_the_thief_never_asks_twice_and_asks_its_own_images_first():
    rng = np.random.default_rng(0)
    parts = split(rng)
    pool = thief_pool(parts.thief, 2000, rng)
    assert len({i.tobytes() for i in pool}) == len(pool) == 2000
    own = {i.tobytes() for i in parts.thief}
    assert all(i.tobytes() in own for i in pool[:1500])
    assert not {i.tobytes() for i in pool} & {i.tobytes() for i in parts.judge}


def test_shifting_moves_ink_and_keeps_it():
    image = np.zeros((1, 784), np.float32)
    image[0, 14 * 28 + 14] = 1.0
    moved = shifted(np.repeat(image, 50, axis=0), np.random.default_rng(0))
    assert (moved.sum(axis=1) == 1.0).all()
    rows, columns = np.divmod(moved.argmax(axis=1), 28)
    assert abs(rows - 14).max() <= 2 and abs(columns - 14).max() <= 2
