"""The page about accounts says what is so."""

import asyncio
import re
from pathlib import Path

import pytest

from recorder.simulator.private.accounts import Business
from recorder.simulator.private.keys import client_key

PAGE = (Path(__file__).parents[3] / "docs/simulator.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


async def test_the_pages_example_runs(simulated, signed, capsys):
    example = EXAMPLES[0]
    assert client_key(1, 1) in example
    async with simulated(markets=1, accounts=1) as client:
        here = example.replace("http://127.0.0.1:8080", client.exchange.rest_url)
        assert here != example
        await asyncio.to_thread(exec, here, {})
        assert '"code":0,"msg":"success"' in capsys.readouterr().out
        assert len(await signed(client).data("position/pending")) == 1


@pytest.mark.long
def test_the_example_of_a_settlement_runs_within_its_minute(capsys):
    exec(EXAMPLES[1], {})  # noqa: S102 - the page's own text
    assert capsys.readouterr().out.startswith("Funding fee ")


def test_the_page_has_no_example_that_is_not_run():
    assert len(EXAMPLES) == 2


def test_the_page_knows_every_word_of_the_ledger():
    assert set(re.findall(r"^\| `([A-Z][a-z ]+)` \|", PAGE, re.MULTILINE)) == set(Business)
