import shutil
import tempfile

import pytest
from serving import Clock, Place


@pytest.fixture
def place():
    folder = tempfile.mkdtemp(prefix="wh-")
    yield Place(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def clock():
    return Clock()
