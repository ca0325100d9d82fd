import os

from hypothesis import settings

# The same examples every time where a run must be repeatable; new ones every time where somebody is looking.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("searching", deadline=None)
settings.load_profile("repeatable" if os.environ.get("CI") else "searching")
