"""The page about accounts says what is so."""

import asyncio
import re
from pathlib import Path

from recorder.simulator.private.accounts import Business
from recorder.simulator.private.keys import client_key

PAGE = (Path(__file__).parents[3] / "docs/simulator.md").read_text()


async def test_the_pages_example_runs(simulated, signed, capsys):
    [example] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert client_key(1, 1) in example
    async with simulated(markets=1, accounts=1) as client:
        here = example.replace("http://127.0.0.1:8080", client.exchange.rest_url)
        assert here != example
        await asyncio.to_thread(exec, here, {})
        assert '"code":0,"msg":"success"' in capsys.readouterr().out
        assert len(await signed(client).data("position/pending")) == 1


def test_the_page_knows_every_word_of_the_ledger():
    assert set(re.findall(r"^\| `([A-Z][a-z ]+)` \|", PAGE, re.MULTILINE)) == set(Business)
