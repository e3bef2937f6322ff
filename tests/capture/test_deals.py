"""The newest trades are asked for market by market; what was missed comes before the rounds."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from recorder.capture.deals import DealsRounds
from recorder.client import throttle
from recorder.client.rest import RestClient

SUCCESS = {"code": 0, "msg": "success", "data": []}
REFUSED = {"code": 20002, "msg": "market error", "data": None}


class Venue:
    """A real server that answers when it is let, and remembers what it was asked."""

    def __init__(self):
        self.markets = []
        self.answers_of = {}
        self._gate = asyncio.Semaphore(0)
        self._answered = asyncio.Condition()

    async def handle(self, request):
        await self._gate.acquire()
        market = request.query["market"]
        status, body = self.answers_of.get(market, [(200, SUCCESS)])[0]
        if len(self.answers_of.get(market, ())) > 1:
            self.answers_of[market].pop(0)
        async with self._answered:
            self.markets.append(market)
            self._answered.notify_all()
        return web.json_response(body, status=status)

    async def answers(self, count):
        """Let so many calls through."""
        wanted = len(self.markets) + count
        for _ in range(count):
            self._gate.release()
        async with asyncio.timeout(5), self._answered:
            await self._answered.wait_for(lambda: len(self.markets) >= wanted)


@asynccontextmanager
async def running(journal):
    venue = Venue()
    app = web.Application()
    app.router.add_get("/open/api/v2/market/deals", venue.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    async with RestClient(url, journal) as client:
        rounds = DealsRounds(client)
        task = asyncio.create_task(rounds.run())
        try:
            yield venue, rounds
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    await runner.cleanup()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(throttle, "FIRST_PAUSE_S", 0.05)


async def test_each_market_of_a_round_is_asked_for_once(journal):
    async with running(journal) as (venue, rounds):
        rounds.round(["AAA", "BBB"])
        rounds.round(["BBB", "CCC"])
        await venue.answers(3)
        assert venue.markets == ["AAA", "BBB", "CCC"]
        assert rounds.waiting == 0


async def test_a_market_that_missed_something_comes_next(journal):
    async with running(journal) as (venue, rounds):
        rounds.round([f"M{n}" for n in range(20)])
        await venue.answers(2)
        rounds.missed(["ZZZ"])
        await venue.answers(2)  # one of the round was already on its way
        assert "ZZZ" in venue.markets


async def test_one_that_is_asked_for_urgently_is_not_asked_again_in_the_round(journal):
    async with running(journal) as (venue, rounds):
        rounds.missed(["AAA"])
        rounds.round(["AAA", "BBB"])
        await venue.answers(2)
        assert venue.markets == ["AAA", "BBB"]
        assert rounds.waiting == 0


async def test_a_call_that_failed_is_made_again_after_the_others(journal):
    async with running(journal) as (venue, rounds):
        venue.answers_of["AAA"] = [(502, {}), (200, SUCCESS)]
        rounds.missed(["AAA", "BBB"])
        await venue.answers(3)
        assert venue.markets == ["AAA", "BBB", "AAA"]


async def test_a_market_that_the_venue_refuses_is_let_be(journal):
    async with running(journal) as (venue, rounds):
        venue.answers_of["AAA"] = [(200, REFUSED)]
        rounds.missed(["AAA", "BBB"])
        await venue.answers(2)
        assert (venue.markets, rounds.waiting) == (["AAA", "BBB"], 0)


@pytest.mark.parametrize("ask", ["missed", "round"])
async def test_it_wakes_up_when_there_is_something_to_ask(journal, ask):
    async with running(journal) as (venue, rounds):
        await asyncio.sleep(0)
        getattr(rounds, ask)(["AAA"])
        await venue.answers(1)
        assert venue.markets == ["AAA"]
