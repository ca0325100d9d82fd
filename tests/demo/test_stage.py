import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from wellhead.capture.keys import Keys
from wellhead.config import load
from wellhead.core.errors import WellheadError
from wellhead.demo.stage import Customer, Stage, free_port, open_accounts, wait_for


def test_nothing_in_the_config_tells_thief_from_newcomer(tmp_path):
    stage = Stage(tmp_path, 0)
    names = [Customer("newcomer-1", True), Customer("account-1", True), Customer("customer-1", False)]
    accounts = open_accounts(stage, names, np.random.default_rng(0), time.time())
    text = stage.config.read_text()
    assert "account" not in text.replace("accounts", "") and "newcomer" not in text
    new, thief, old = (Keys.open(tmp_path / "keys.json").lookup(a.token.encode(), time.time()) for a in accounts)
    assert new.created_day == thief.created_day != old.created_day
    assert accounts[0].address == accounts[1].address != accounts[2].address
    assert accounts[0].agent == accounts[1].agent
    assert (new.plan, new.organisation, new.use) == (thief.plan, thief.organisation, thief.use)
    assert load(stage.config).mode == "enforce"


def test_free_port_can_be_bound():
    with socket.socket() as s:
        s.bind(("127.0.0.1", free_port()))


def test_waiting_for_a_server_that_dies_says_so():
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(WellheadError, match="ended with 3"):
        wait_for(free_port(), process)
