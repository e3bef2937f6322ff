"""Another user of the machine reads the market data, and is told why not the account."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from account_lakes import add_rows, line
from asked_lakes import lake_at
from lakedays import trade

from recorder.lake.store.owner import OWNED, keep_to_owner

NOBODY = 65_534
ANOTHER_USER = f"""
import os, sys
from analytics import AnalyticsError, open_lake
import analytics.reader, pyarrow.dataset
if os.geteuid() == 0:
    os.setgid({NOBODY}); os.setuid({NOBODY})
lake = open_lake(sys.argv[1])
print(lake.sql("SELECT count(*) FROM trades").fetchall(), lake.volume(every="1d").height)
for ask in (
    lambda: lake.sql("SELECT count(*) FROM account_ledger").fetchall(),
    lambda: lake.sql("SELECT * FROM account_pnl_1d WHERE profit > 0").fetchall(),
    lambda: lake.account.pnl(),
    lambda: lake.scan("account_ledger").collect(),
    lambda: lake.sql("FROM rejects").fetchall(),
):
    try:
        print("answered", ask())
    except Exception as error:
        print(error)
"""


@pytest.fixture
def data_dir():
    with tempfile.TemporaryDirectory() as name:
        made = Path(name)
        with lake_at(made) as day:
            add_rows(day, trades=[trade(0, 1)], account_ledger=[line(0, 1, "Deposit", 1, 1)])
        made.chmod(0o755)
        keep_to_owner(made / "lake")
        if os.geteuid() != 0:  # then it is we who must not read it
            for table in OWNED:
                (made / "lake" / table).chmod(0)
        yield made
        keep_to_owner(made / "lake")


def test_market_data_is_answered_and_the_account_refused_with_the_reason(data_dir):
    asked = [sys.executable, "-c", ANOTHER_USER, str(data_dir)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    first, *refused = done.stdout.splitlines()
    assert first == "[(1,)] 1"
    assert len(refused) == 5
    said = [each.partition(" tells of the account, and only the owner of")[0] for each in refused]
    assert [each.split()[-1] for each in said] == ["account_ledger"] * 4 + ["rejects"]
