"""All markets are on some connection; listed ones come in, delisted ones go, and a stop loses nothing."""

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager

import pytest

from recorder.capture import fleet as fleet_module
from recorder.capture import stream
from recorder.capture.fleet import Fleet
from recorder.client.backoff import Backoff
from recorder.exchange.requests import Request as WireRequest
from recorder.exchange.requests import parse_topic
from recorder.exchange.topics import STREAMS


@asynccontextmanager
async def fleet_on(venue_url, journal, *, limit=4, tapped=True, pause_s=0.0, streams=STREAMS):
    fleet = Fleet(
        venue_url,
        journal,
        streams=streams,
        periods=["1min"],
        subscriptions_per_connection=limit,
        tapped=tapped,
        pause_s=pause_s,
    )
    try:
        yield fleet
    finally:
        await fleet.stop()


def carried(venue):
    """What the venue holds by connection, replaying what it was asked."""
    held = []
    for asked in venue.asked:
        topics = Counter()
        for request in asked:
            action, _, _ = request["method"].partition(".")
            if action != "ping":
                topic = parse_topic(WireRequest(request["method"], request["params"], request["id"]))
                topics[topic] += 1 if action == "subscribe" else -1
        held.append({topic: count for topic, count in topics.items() if count})
    return held


def names(venue):
    """How many topics of each market the venue carries; None stands for the state of all."""
    return Counter(topic.market for held in carried(venue) for topic in held)


async def test_every_market_is_carried_once_and_no_connection_is_overfull(serve, play, journal, eventually):
    markets = [f"M{number}" for number in range(7)]
    async with serve(play) as venue, fleet_on(venue.url, journal, limit=7) as fleet:
        assert fleet.set_markets(markets) == (markets, [])
        await eventually(lambda: names(venue) == {None: 1, **dict.fromkeys(markets, 3)})
        held = carried(venue)
        assert len(held) == len(fleet.connections) == 4
        assert all(len(topics) <= 7 and set(topics.values()) == {1} for topics in held)
        assert all(
            len({n for n, topics in enumerate(held) if any(t.market == m for t in topics)}) == 1
            for m in markets
        )
        assert journal.fields("markets") == [{"listed": markets, "delisted": []}]


async def test_listed_markets_come_in_and_delisted_ones_go(serve, play, journal, eventually):
    async with serve(play) as venue, fleet_on(venue.url, journal, limit=7) as fleet:
        fleet.set_markets(["A", "B"])
        await eventually(lambda: names(venue) == {None: 1, "A": 3, "B": 3})
        assert fleet.set_markets(["B", "C", "D"]) == (["C", "D"], ["A"])
        await eventually(lambda: names(venue) == {None: 1, "B": 3, "C": 3, "D": 3})
        assert fleet.markets == {"B", "C", "D"}
        assert sum(connection.topics for connection in fleet.connections.values()) == 10
        assert len(fleet.connections) == 2
        assert journal.fields("markets")[1] == {"listed": ["C", "D"], "delisted": ["A"]}


async def test_the_same_markets_again_change_nothing(serve, play, journal, eventually):
    async with serve(play) as venue, fleet_on(venue.url, journal, limit=7) as fleet:
        fleet.set_markets(["A"])
        await eventually(lambda: names(venue) == {None: 1, "A": 3})
        assert fleet.set_markets(["A"]) == ([], [])
        assert journal.kinds().count("markets") == 1
        assert len(fleet.connections) == 1


async def test_a_market_is_announced_in_the_journal_before_its_topics_are_asked_for(
    serve, play, journal, eventually
):
    async with serve(play) as venue, fleet_on(venue.url, journal) as fleet:
        fleet.set_markets(["A"])
        await eventually(lambda: "subscribe" in journal.kinds())
        assert journal.kinds()[0] == "markets"


async def test_one_connection_lost_leaves_the_others_and_comes_back_whole(
    serve, play, journal, eventually, monkeypatch
):
    monkeypatch.setattr(stream, "Backoff", lambda: Backoff(0.02, 0.05))
    async with serve(play) as venue, fleet_on(venue.url, journal, limit=3, streams=["trade"]) as fleet:
        fleet.set_markets(list("ABCDEF"))
        await eventually(lambda: sum(names(venue).values()) == 6)
        before = carried(venue)
        venue.sockets[0].transport.abort()
        await eventually(lambda: len(venue.asked) == 3 and len(carried(venue)[2]) == 3)
        assert carried(venue)[2] == before[0]
        assert [connection.stats.connects for connection in fleet.connections.values()].count(1) == 1


class TestStop:
    @pytest.mark.parametrize(("tapped", "pause_s"), [(True, 0), (True, 0.005), (False, 0)])
    async def test_what_was_sent_before_the_close_is_kept(self, serve, journal, eventually, tapped, pause_s):
        sent = {}

        async def flood(ws, number, _asked):
            sent[number] = []
            while True:
                data = b"%d:%d" % (number, len(sent[number]))
                await ws.send(data, text=True)
                sent[number].append(data)
                if len(sent[number]) % 40 == 0:
                    await asyncio.sleep(0)

        async with serve(flood) as venue:
            async with fleet_on(
                venue.url, journal, limit=1, streams=["trade"], tapped=tapped, pause_s=pause_s
            ) as fleet:
                fleet.set_markets(list("ABC"))
                await eventually(lambda: len(sent) == 3 and len(journal.frames) > 300)
                await fleet.stop()
            assert all(len(journal.texts()) > 100 for _ in sent)
            received = {each: [f for f in journal.texts() if f.startswith(b"%d:" % each)] for each in sent}
            assert {each: received[each][: len(sent[each])] for each in sent} == sent
            assert [each["reason"] for each in journal.fields("down")] == ["stop"] * 3

    async def test_a_venue_that_does_not_answer_is_left_within_the_limit(
        self, serve, journal, eventually, monkeypatch
    ):
        monkeypatch.setattr(fleet_module, "STOP_TIMEOUT_S", 0.3)

        async def deaf(ws, _number, _asked):
            ws.transport.pause_reading()
            await ws.wait_closed()

        async with serve(deaf, close_timeout=0.1) as venue:
            async with fleet_on(venue.url, journal, streams=["trade"]) as fleet:
                fleet.set_markets(["A"])
                await eventually(lambda: fleet.connections[1].stats.up)
                began = time.monotonic()
                await fleet.stop()
                assert time.monotonic() - began < 2
            assert journal.fields("down")[-1]["reason"] == "stop"
            venue.sockets[0].transport.abort()

    async def test_connections_that_are_down_are_not_waited_for(self, journal, eventually, unused_tcp_port):
        async with fleet_on(f"ws://127.0.0.1:{unused_tcp_port}", journal, limit=1) as fleet:
            fleet.set_markets(list("AB"))
            await eventually(lambda: len(journal.fields("down")) >= 7 * 3)
            began = time.monotonic()
            await fleet.stop()
            assert time.monotonic() - began < 0.5

    async def test_a_fleet_without_connections_stops(self, journal):
        async with fleet_on("ws://127.0.0.1:1", journal) as fleet:
            assert fleet.connections == {}
