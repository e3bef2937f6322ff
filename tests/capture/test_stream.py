"""One connection, kept up for ever against real servers that misbehave; each fact is an event in order."""

import asyncio
import json
import logging
import time
from contextlib import asynccontextmanager
from http import HTTPStatus
from itertools import pairwise

import pytest

from recorder.capture import stream
from recorder.capture.stream import StreamConnection
from recorder.client.backoff import Backoff
from recorder.exchange import pace, session
from recorder.exchange.redaction import Redaction
from recorder.exchange.signing import Credentials, sign
from recorder.exchange.topics import Topic
from recorder.journal.reader import JournalReader
from recorder.journal.writer import JournalWriter

A, B, STATE = Topic("trade", "A"), Topic("depth", "B"), Topic("state")
DEADLINE_S = 10.0

WAYS = {"tap": {"tapped": True}, "pausing": {"tapped": True, "pause_s": 0.005}, "library": {"tapped": False}}
every_way = pytest.mark.parametrize("how", list(WAYS.values()), ids=list(WAYS))


@pytest.fixture
def impatient(monkeypatch):
    """Reconnect within hundredths of a second, where the waiting is not the point."""
    monkeypatch.setattr(stream, "Backoff", lambda: Backoff(0.02, 0.05))


@asynccontextmanager
async def running(venue_url, journal, *topics, tapped=True, **more):
    """A connection that runs, and is taken away at the end."""
    connection = StreamConnection(1, venue_url, journal, tapped=tapped, **more)
    connection.change(topics, [])
    task = asyncio.create_task(connection.run())
    try:
        yield connection
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def topics_in(fields):
    return [row[1:] for row in fields["topics"]]


class TestUp:
    @every_way
    async def test_each_fact_is_journalled_in_its_order(self, serve, play, journal, eventually, how):
        async with serve(play) as venue, running(venue.url, journal, A, STATE, **how) as connection:
            await eventually(lambda: connection.state == "live" and len(journal.frames) == 5)
            assert journal.kinds() == ["up", "subscribe", "confirmed", "confirmed"]
            assert journal.fields("up") == [{"url": venue.url}]
            assert topics_in(journal.fields("subscribe")[0]) == [["trade", "A"], ["state"]]
            assert [topics_in(each) for each in journal.fields("confirmed")] == [
                [["trade", "A"]],
                [["state"]],
            ]
            assert journal.order[:2] == [("up", 1), ("subscribe", 1)]
            assert venue.methods(1) == ["subscribe.trade", "subscribe.state", "ping"]

    @every_way
    async def test_every_kind_of_frame_is_kept_verbatim_in_order(self, serve, journal, eventually, how):
        sent = [
            b'{"id":0,"method":"update.trade","result":{}}',
            b"",
            b"no json",
            b'{"a":"\xff"}',
            b'{"in":"binary"}',
            b'{"in":"fragments"}',
            b"x" * 70_000,
            b"last",
        ]

        async def play(ws, _number, _asked):
            for data in sent:
                if data.startswith(b'{"in":"b'):
                    await ws.send(data)
                elif data.startswith(b'{"in":"f'):
                    await ws.send([data[:5], data[5:9], data[9:]])
                else:
                    ws.protocol.send_text(data)
                    ws.send_data()
            await ws.wait_closed()

        before = time.time_ns()
        async with serve(play) as venue, running(venue.url, journal, **how) as connection:
            await eventually(lambda: len(journal.frames) == len(sent))
            await eventually(lambda: connection.stats.frames == len(sent))
            assert journal.texts(1) == sent
            stamps = [t_ns for t_ns, _, _ in journal.frames]
            assert stamps == sorted(stamps)
            assert before <= stamps[0] <= stamps[-1] <= time.time_ns()
            assert connection.stats.streams == {"trade": 1}
            assert connection.stats.up
            assert "down" not in journal.kinds()

    async def test_a_refused_topic_is_told_and_the_others_stand(self, serve, answer_one, journal, eventually):
        async def play(ws, _number, asked):
            async for text in ws:
                request = json.loads(text)
                if request["method"] == "subscribe.trade":
                    error = {"code": 20002, "msg": "market error"}
                    await ws.send(json.dumps({"id": request["id"], "result": None, "error": error}))
                else:
                    await answer_one(ws, text, asked)

        async with serve(play) as venue, running(venue.url, journal, A, B) as connection:
            await eventually(lambda: connection.state == "live")
            assert [topics_in(each) for each in journal.fields("confirmed")] == [[["depth", "B"]]]
            (refused,) = journal.fields("refused")
            assert (topics_in(refused), refused["error"]) == ([["trade", "A"]], "market error")

    async def test_a_venue_that_only_answers_pings_confirms_by_them(self, serve, journal, eventually):
        async def play(ws, _number, _asked):
            async for text in ws:
                if json.loads(text)["method"] == "ping":
                    await ws.send('{"id":0,"method":"ping","result":"success","error":null}')

        async with serve(play) as venue, running(venue.url, journal, A, B) as connection:
            await eventually(lambda: connection.state == "live")
            assert topics_in(journal.fields("confirmed")[0]) == [["trade", "A"], ["depth", "B"]]

    async def test_other_topics_are_asked_for_while_up(self, serve, play, journal, eventually):
        async with serve(play) as venue, running(venue.url, journal, A) as connection:
            await eventually(lambda: connection.state == "live")
            connection.change([B], [A])
            assert connection.topics == 1
            await eventually(lambda: "unsubscribe" in journal.kinds() and connection.state == "live")
            assert venue.methods(1)[2:4] == ["unsubscribe.trade", "subscribe.depth"]
            assert topics_in(journal.fields("unsubscribe")[0]) == [["trade", "A"]]
            assert connection.topics == 1

    async def test_a_change_taken_back_at_once_is_never_said(self, serve, play, journal, eventually):
        async with serve(play) as venue, running(venue.url, journal, A) as connection:
            await eventually(lambda: connection.state == "live")
            connection.change([B], [A])
            connection.change([A, STATE], [B])
            await eventually(lambda: len(venue.methods(1)) == 4)
            assert venue.methods(1) == ["subscribe.trade", "ping", "subscribe.state", "ping"]
            assert connection.topics == 2


@pytest.mark.usefixtures("impatient")
class TestDown:
    @every_way
    @pytest.mark.parametrize("way", ["close", "abort"])
    async def test_a_lost_connection_is_dialled_again_and_asked_for_everything(
        self, serve, play, answer_one, journal, eventually, how, way
    ):
        async def lose(ws, number, asked):
            if number > 1:
                return await play(ws, number, asked)
            for _ in range(3):
                await answer_one(ws, await ws.recv(), asked)
            await eventually(lambda: len(journal.frames) == 5)
            if way == "close":
                await ws.close(1012, "restart")
            return ws.transport.abort()

        async with serve(lose) as venue, running(venue.url, journal, A, B, **how) as connection:
            await eventually(lambda: connection.stats.connects == 2 and connection.state == "live")
            assert venue.methods(2) == venue.methods(1) == ["subscribe.trade", "subscribe.depth", "ping"]
            assert journal.kinds() == [
                "up", "subscribe", "confirmed", "confirmed", "down",
                "up", "subscribe", "confirmed", "confirmed",
            ]  # fmt: skip
            (down,) = journal.fields("down")
            assert ("restart" if way == "close" else "close frame") in down["reason"]
            assert down["last"] == journal.frames[4][0]
            at = journal.order.index(("down", 1))
            assert journal.order[:at].count(("frame", 1)) == 5

    async def test_down_says_null_when_the_connection_brought_nothing(self, serve, journal, eventually):
        async def play(ws, number, _asked):
            if number == 1:
                await ws.send("once")
            await ws.close()

        async with serve(play) as venue, running(venue.url, journal):
            await eventually(lambda: len(journal.fields("down")) >= 2)
            assert [each["last"] for each in journal.fields("down")[:2]] == [journal.frames[0][0], None]

    async def test_what_was_changed_while_down_is_asked_for_at_the_next_dial(
        self, serve, play, journal, eventually
    ):
        connection = StreamConnection(1, "ws://127.0.0.1:1", journal, tapped=True)
        connection.change([A], [])
        task = asyncio.create_task(connection.run())
        await eventually(lambda: len(journal.fields("down")) == 2)
        connection.change([B], [A])
        async with serve(play) as venue:
            connection._url = venue.url
            await eventually(lambda: connection.state == "live")
            assert venue.methods(1) == ["subscribe.depth", "ping"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def test_a_refused_dial_says_why_and_is_tried_again(self, journal, eventually, unused_tcp_port):
        async with running(f"ws://127.0.0.1:{unused_tcp_port}", journal, A) as connection:
            await eventually(lambda: len(journal.fields("down")) >= 3)
            assert set(journal.kinds()) == {"down"}
            assert "Connect call failed" in journal.fields("down")[0]["reason"]
            assert journal.fields("down")[0]["last"] is None
            assert connection.stats.last_error.startswith("connect: ")
            assert not connection.stats.up

    async def test_an_http_answer_instead_of_a_handshake_is_named(self, serve, play, journal, eventually):
        def gateway(connection, _request):
            return connection.respond(HTTPStatus.BAD_GATEWAY, "<html>bad gateway</html>")

        async with serve(play, process_request=gateway) as venue, running(venue.url, journal):
            await eventually(lambda: len(journal.fields("down")) >= 2)
            assert journal.fields("down")[0] == {
                "reason": "connect: the venue answered HTTP 502",
                "last": None,
            }

    async def test_a_proxy_of_the_environment_is_not_asked(
        self, serve, play, journal, eventually, monkeypatch
    ):
        monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        async with serve(play) as venue, running(venue.url, journal, A) as connection:
            await eventually(lambda: connection.state == "live")
            assert "down" not in journal.kinds()

    @every_way
    async def test_a_frame_past_the_limit_ends_the_connection_and_the_next_goes_on(
        self, serve, play, journal, eventually, how
    ):
        async def oversize(ws, number, asked):
            if number > 1:
                return await play(ws, number, asked)
            await ws.send("before")
            ws.transport.write(b"\x81\x7f" + (17 * 2**20).to_bytes(8, "big") + b"\x81\x01x" * 1000)
            return await ws.wait_closed()

        async with serve(oversize) as venue, running(venue.url, journal, A, **how) as connection:
            await eventually(lambda: connection.state == "live")
            assert venue.sockets[0].close_code == 1009
            assert "1009" in journal.fields("down")[0]["reason"]
            assert journal.texts()[0] == b"before"
            assert b"x" not in journal.texts()

    @every_way
    async def test_nothing_that_arrived_is_lost_when_sending_notices_the_end_first(
        self, serve, journal, eventually, how
    ):
        """Housekeeping may hit the closed socket while frames still wait to be read."""
        sent = [b"%d" % number for number in range(400)]

        async def play(ws, number, _asked):
            if number == 1:
                await ws.recv()
                for data in sent:
                    await ws.send(data, text=True)
                await ws.close()

        async with serve(play) as venue, running(venue.url, journal, A, **how) as connection:
            await eventually(lambda: journal.frames)
            while not journal.fields("down"):
                connection.change([B], [])
                connection._wanted_add[Topic("trade", str(len(journal.frames)))] = None
                await asyncio.sleep(0)
            assert journal.texts()[: len(sent)] == sent


class TestStorm:
    async def test_accept_then_close_is_met_with_growing_pauses(self, serve, journal, eventually):
        dialled = []

        async def play(ws, _number, _asked):
            dialled.append(time.monotonic())
            await ws.close()

        async with serve(play) as venue, running(venue.url, journal, A):
            await eventually(lambda: len(dialled) == 4 == journal.kinds().count("up"))
        pauses = [later - earlier for earlier, later in pairwise(dialled)]
        assert [pause >= least for pause, least in zip(pauses, (0.125, 0.25, 0.5), strict=True)] == [True] * 3


@pytest.mark.usefixtures("impatient")
class TestWatchdog:
    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch):
        monkeypatch.setattr(pace, "UNKNOWN_AFTER_S", 0.4)
        monkeypatch.setattr(pace, "SILENT_AFTER_MAX_S", 0.4)

    async def test_a_silent_stream_is_asked_for_again_then_given_up(
        self, serve, play, answer_one, journal, eventually
    ):
        async def silent(ws, number, asked):
            if number > 1:
                return await play(ws, number, asked)
            await answer_one(ws, await ws.recv(), asked)
            async for text in ws:
                request = json.loads(text)
                asked.append(request)
                await ws.send(json.dumps({"id": request["id"], "method": request["method"]}))
            return None

        async with serve(silent) as venue, running(venue.url, journal, A) as connection:
            await eventually(lambda: connection.stats.connects == 2 and connection.state == "live")
            assert venue.methods(1) == ["subscribe.trade", "ping", "subscribe.trade", "ping"]
            first = journal.kinds().index("down")
            assert journal.kinds()[:first] == [
                "up",
                "subscribe",
                "confirmed",
                "silence",
                "subscribe",
                "confirmed",
            ]
            push = next(t_ns for t_ns, _, frame in journal.frames if b"update.trade" in frame)
            assert journal.fields("silence")[0] == {"stream": "trade", "last": push}
            assert journal.fields("down")[0]["reason"].startswith("trade stayed silent for ")

    async def test_a_socket_on_which_nothing_comes_is_given_up(self, serve, journal, eventually, monkeypatch):
        monkeypatch.setattr(session, "DEAD_AFTER_S", 0.3)

        async def mute(ws, _number, _asked):
            await ws.wait_closed()

        async with serve(mute) as venue, running(venue.url, journal, A) as connection:
            await eventually(lambda: connection.stats.connects == 2)
            assert journal.fields("down")[0]["reason"].startswith("nothing received for")

    async def test_frames_that_cannot_be_read_are_life_of_the_socket(
        self, serve, journal, eventually, monkeypatch
    ):
        monkeypatch.setattr(session, "DEAD_AFTER_S", 0.3)

        async def garbage(ws, _number, _asked):
            while True:
                await ws.send("%$&")
                await asyncio.sleep(0.02)

        async with serve(garbage) as venue, running(venue.url, journal) as connection:
            began = time.monotonic()
            await eventually(lambda: time.monotonic() - began > 0.8)
            assert connection.stats.connects == 1
            assert "down" not in journal.kinds()


class TestStop:
    @every_way
    async def test_what_the_venue_sent_before_it_answered_our_close_is_kept(
        self, serve, journal, eventually, how
    ):
        sent = []

        async def flood(ws, _number, _asked):
            while True:
                number = b"%d" % len(sent)
                await ws.send([number, b"!"] if len(sent) % 50 == 0 else number, text=True)
                sent.append(number + b"!" * (len(sent) % 50 == 0))
                if len(sent) % 20 == 0:
                    await asyncio.sleep(0)

        async with serve(flood) as venue:
            connection = StreamConnection(1, venue.url, journal, **how)
            connection.change([A], [])
            task = asyncio.create_task(connection.run())
            await eventually(lambda: len(journal.frames) > 100)
            await asyncio.wait_for(connection.stop(), DEADLINE_S)
            await asyncio.wait_for(task, DEADLINE_S)
            assert len(journal.frames) >= len(sent)
            assert journal.texts()[: len(sent)] == sent
            assert journal.events[-1][0] == "down"
            assert journal.events[-1][1] == {"reason": "stop", "last": journal.frames[-1][0]}

    async def test_a_stop_between_two_dials_ends_the_connection_at_once(self, journal, eventually):
        connection = StreamConnection(1, "ws://127.0.0.1:1", journal, tapped=True)
        task = asyncio.create_task(connection.run())
        await eventually(lambda: len(journal.fields("down")) == 3)  # the next pause is half a second or more
        began = time.monotonic()
        await connection.stop()
        await asyncio.wait_for(task, DEADLINE_S)
        assert time.monotonic() - began < 0.3

    async def test_a_stop_during_the_dial_asks_for_nothing(self, serve, play, journal, eventually):
        stopped = asyncio.Event()
        dialled = []

        async def slow(_connection, _request):
            dialled.append(1)
            await stopped.wait()

        async with serve(play, process_request=slow) as venue:
            connection = StreamConnection(1, venue.url, journal, tapped=True)
            connection.change([A], [])
            task = asyncio.create_task(connection.run())
            await eventually(lambda: dialled)
            await connection.stop()
            stopped.set()
            await asyncio.wait_for(task, DEADLINE_S)
            assert journal.kinds() == []
            assert venue.asked in ([], [[]])


async def test_a_real_journal_tells_the_life_of_a_connection_in_order(
    serve, answer_one, tmp_path, eventually, impatient
):
    """What is written is read back: events and frames interleaved as they happened."""

    async def play(ws, _number, asked):
        for _ in range(2):
            await answer_one(ws, await ws.recv(), asked)
        await ws.close(1001, "bye")

    writer = JournalWriter(tmp_path / "main", "main", "ab12", "0.1.0")
    async with serve(play) as venue, running(venue.url, writer, A) as connection:
        await eventually(lambda: connection.stats.connects == 3)
    await asyncio.to_thread(writer.close)
    blocks = list(JournalReader(tmp_path / "main").read(final=True))
    records = [json.loads(line) for block in blocks for line in block.data.splitlines()]
    words = [each.get("e") or each["f"]["method"] for each in records[1:]]
    down = words.index("down")
    assert words[:2] == ["up", "subscribe"]
    assert sorted(words[2:down]) == ["confirmed", "ping", "subscribe.trade", "update.trade"]
    assert words[down : down + 3] == ["down", "up", "subscribe"]
    received = [each["t"] for each in records[1 : down + 1] if "f" in each]
    assert records[down + 1]["last"] == received[-1]
    assert all(each["c"] == 1 for each in records[1:])


async def test_a_mistake_of_ours_costs_one_connection_and_not_the_recording(
    serve, play, journal, eventually, monkeypatch
):
    original = stream.Session.opened
    calls = []

    def opened(self, now):
        calls.append(now)
        if len(calls) == 1:
            raise RuntimeError("nobody foresaw this")
        return original(self, now)

    monkeypatch.setattr(stream.Session, "opened", opened)
    async with serve(play) as venue, running(venue.url, journal, A) as connection:
        await eventually(lambda: connection.state == "live")
        assert any("nobody foresaw this" in fields["reason"] for fields in journal.fields("down"))


class TestSigned:
    """A connection of an account."""

    @pytest.mark.usefixtures("impatient")
    async def test_it_is_signed_anew_on_each_connection_and_its_pushes_are_told(
        self, serve, journal, eventually
    ):
        asked, told, nonces = [], [], iter(range(1, 99))

        async def play(socket, number, _):
            async for text in socket:
                request = json.loads(text)
                asked.append(request)
                await socket.send(json.dumps({"id": request["id"], "result": "success", "error": None}))
                if request["method"] == "subscribe.order":
                    await socket.send('{"id":0,"method":"update.order","result":{},"error":null}')
                if request["method"] == "ping" and number == 1:
                    await socket.close()

        def signer():
            return {"client_id": "me", "nonce": str(next(nonces)), "ts": "1", "sign": "secret"}

        topics = [Topic("position"), Topic("order")]
        async with (
            serve(play) as venue,
            running(venue.url, journal, *topics, tapped=False, signer=signer, pushed=told.append),
        ):
            await eventually(lambda: len(told) == 2)
        signed = [request["params"]["nonce"] for request in asked if request["method"] == "sign"]
        assert signed == ["1", "2"]
        assert journal.kinds().count("signed") == 2
        assert "secret" not in str(journal.events)

    async def test_what_signs_it_is_in_no_record_and_no_log_where_the_venue_repeats_it(
        self, serve, journal, eventually, caplog
    ):
        caplog.set_level(logging.DEBUG)
        who = Credentials.of("client-of-tests", "key-of-tests")
        cut, asked = Redaction(who), []

        async def play(socket, _number, _):
            async for text in socket:
                asked.append(json.loads(text)["params"])
                error = {"code": 1_010_313, "msg": f"sign error in {text}"}
                await socket.send(
                    json.dumps({"id": json.loads(text)["id"], "result": asked[-1], "error": error})
                )

        def signer():
            signed = sign(who, "0123456789abcdef", 1)
            cut.remember(signed)
            return signed

        more = {"tapped": False, "signer": signer, "redaction": cut}
        async with serve(play) as venue, running(venue.url, journal, Topic("order"), **more):
            await eventually(lambda: "denied" in journal.kinds())
            written = f"{journal.frames} {journal.events} {caplog.text}"
        assert "sign error in" in written
        assert [
            value
            for value in ("key-of-tests", *sign(who, "0123456789abcdef", 1).values())
            if len(value) > 5 and value in written
        ] == []
