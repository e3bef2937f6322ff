"""Every answer of the REST interface is in the journal, and every failure says whether to try again."""

import asyncio
import gzip
import time
from itertools import pairwise

import pytest
from aiohttp import web
from venues import gateway

from recorder.client import rest, throttle
from recorder.client.errors import RestError
from recorder.client.rest import RestClient
from recorder.exchange.endpoints import MARKET_KLINE, MARKET_LIST

LIST_PATH = "/open/api/v2/market/list"
KLINE = {"market": "BTCUSDT", "type": "1min"}
SUCCESS = b'{"code": 0, "msg": "success", "data": [{"name": "A"}], "time": 1697619536}'
HTML = b"<html><h1>502 Bad Gateway</h1></html>"


def answering(status, body, **headers):
    async def handler(_request):
        return web.Response(status=status, body=body, headers=headers)

    return handler


async def failing(journal, handler, endpoint=MARKET_LIST, params=None):
    """The error of one call against a handler."""
    async with gateway(handler) as url, RestClient(url, journal) as client:
        with pytest.raises(RestError) as caught:
            await client.call(endpoint, params)
    return caught.value


class TestSuccess:
    async def test_the_answer_is_journalled_verbatim_with_its_question_and_given(self, journal):
        asked = []

        async def handler(request):
            asked.append((request.path, dict(request.query)))
            return web.Response(body=SUCCESS)

        before = time.time_ns()
        async with gateway(handler) as url, RestClient(url + "/", journal) as client:
            answer = await client.call(MARKET_KLINE, KLINE)
        assert asked == [("/open/api/v2/market/kline", KLINE)]
        assert answer.data == [{"name": "A"}]
        ((call, params, status, body, error, t_ns, asked_ns),) = journal.rest
        assert (call, params, status, body, error) == ("market_kline", KLINE, 200, SUCCESS, None)
        assert before <= asked_ns == answer.asked_ns <= t_ns <= time.time_ns()

    async def test_a_compressed_answer_is_journalled_as_text(self, journal):
        handler = answering(200, gzip.compress(SUCCESS), **{"Content-Encoding": "gzip"})
        async with gateway(handler) as url, RestClient(url, journal) as client:
            await client.call(MARKET_LIST)
        assert journal.rest[0][3] == SUCCESS

    async def test_an_answer_in_many_pieces_is_whole(self, journal):
        body = b'{"code": 0, "data": "' + b"x" * 3_000_000 + b'"}'
        async with gateway(answering(200, body)) as url, RestClient(url, journal) as client:
            assert len((await client.call(MARKET_LIST)).data) == 3_000_000
        assert journal.rest[0][3] == body


class TestRefusal:
    """The answer is in the journal as it came; the error tells whether the same call may succeed later."""

    @pytest.mark.parametrize(
        ("status", "body", "again", "words"),
        [
            (502, HTML, True, "HTTP 502"),
            (503, HTML, True, "HTTP 503"),
            (429, HTML, True, "HTTP 429"),
            (404, HTML, False, "HTTP 404"),
            (200, HTML, True, "not JSON"),
            (200, b"", True, "not JSON"),
            (200, b"[]", True, "not a JSON object"),
            (200, b'{"data": []}', True, "answer without a code"),
            (200, b'{"code": 1010007, "msg": "too many"}', True, "code 1010007 too many"),
            (200, b'{"code": 12026, "msg": "internal"}', True, "code 12026"),
            (200, b'{"code": 20002, "msg": "market error"}', False, "code 20002 market error"),
        ],
    )
    async def test_it_is_journalled_and_named(self, journal, status, body, again, words):
        error = await failing(journal, answering(status, body), MARKET_KLINE, KLINE)
        assert error.retryable is again
        assert words in str(error)
        assert "/open/api/v2/market/kline" in str(error)
        ((call, params, *outcome, _, _),) = journal.rest
        assert (call, params, outcome) == ("market_kline", KLINE, [status, body, None])


class TestFailure:
    """A question without an answer is journalled too, with what went wrong."""

    @staticmethod
    def only_an_error(journal):
        ((call, params, status, body, error, _, _),) = journal.rest
        assert (call, params, status, body) == ("market_list", {}, None, None)
        return error

    async def test_nobody_listening(self, journal, unused_tcp_port):
        async with RestClient(f"http://127.0.0.1:{unused_tcp_port}", journal) as client:
            with pytest.raises(RestError) as caught:
                await client.call(MARKET_LIST)
        assert caught.value.retryable
        assert "Cannot connect" in self.only_an_error(journal)

    async def test_no_answer_in_time(self, journal, monkeypatch):
        monkeypatch.setattr(rest, "TIMEOUT_S", 0.2)
        over = asyncio.Event()

        async def slow(_request):
            await over.wait()

        async with gateway(slow) as url, RestClient(url, journal) as client:
            with pytest.raises(RestError) as caught:
                await client.call(MARKET_LIST)
            over.set()
        assert caught.value.retryable
        assert self.only_an_error(journal)

    async def test_an_answer_cut_short(self, journal):
        async def cut(request):
            response = web.StreamResponse(headers={"Content-Length": "1000"})
            await response.prepare(request)
            await response.write(b'{"code": 0')
            request.transport.close()
            return response

        error = await failing(journal, cut)
        assert error.retryable
        assert self.only_an_error(journal)

    async def test_an_answer_past_the_limit_is_not_kept_in_memory(self, journal, monkeypatch):
        monkeypatch.setattr(rest, "MAX_FRAME_BYTES", 100_000)
        written = 0

        async def endless(request):
            nonlocal written
            response = web.StreamResponse()
            await response.prepare(request)
            while written < 50_000_000:
                await response.write(b"x" * 50_000)
                written += 50_000
            return response

        error = await failing(journal, endless)
        assert "larger than 100000 bytes" in str(error)
        assert "larger than 100000 bytes" in self.only_an_error(journal)
        assert written < 50_000_000

    async def test_an_answer_at_the_limit_is_whole(self, journal, monkeypatch):
        monkeypatch.setattr(rest, "MAX_FRAME_BYTES", len(SUCCESS))
        async with gateway(answering(200, SUCCESS)) as url, RestClient(url, journal) as client:
            assert (await client.call(MARKET_LIST)).data == [{"name": "A"}]


async def test_a_failure_leaves_the_client_usable(journal, monkeypatch):
    monkeypatch.setattr(throttle, "FIRST_PAUSE_S", 0.05)
    answers = iter([(502, HTML), (200, SUCCESS)])

    async def handler(_request):
        status, body = next(answers)
        return web.Response(status=status, body=body)

    async with gateway(handler) as url, RestClient(url, journal) as client:
        with pytest.raises(RestError):
            await client.call(MARKET_LIST)
        assert (await client.call(MARKET_LIST)).data == [{"name": "A"}]
    assert [status for _, _, status, *_ in journal.rest] == [502, 200]


class TestPace:
    """What the venue says of its limits is heeded, and can be seen."""

    async def test_the_pause_grows_while_the_venue_says_too_many_and_ends_with_a_good_answer(
        self, journal, monkeypatch
    ):
        monkeypatch.setattr(throttle, "FIRST_PAUSE_S", 0.1)
        answers = iter([*[(200, b'{"code": 1010007, "msg": "too many"}')] * 3, *[(200, SUCCESS)] * 2])
        times = []

        async def handler(_request):
            times.append(time.monotonic())
            status, body = next(answers)
            return web.Response(status=status, body=body)

        async with gateway(handler) as url, RestClient(url, journal) as client:
            for _ in range(3):
                with pytest.raises(RestError):
                    await client.call(MARKET_LIST)
            assert client.turns["market_list"].slowed == 3
            assert client.turns["market_list"].pause_s > 0.15
            await client.call(MARKET_LIST)
            await client.call(MARKET_LIST)
            assert client.turns["market_list"].pause_s == 0
        steps = [later - earlier for earlier, later in pairwise(times)]
        assert steps[0] > 0.15
        assert steps[2] > 0.3
        assert steps[3] < 0.2

    async def test_a_retry_after_is_heeded(self, journal):
        error = await failing(journal, answering(429, HTML, **{"Retry-After": "7"}))
        assert error.retry_after_s == 7

    async def test_a_refusal_of_what_was_asked_slows_nothing_down(self, journal):
        body = b'{"code": 20002, "msg": "market error"}'
        async with gateway(answering(200, body)) as url, RestClient(url, journal) as client:
            with pytest.raises(RestError):
                await client.call(MARKET_KLINE, KLINE)
            assert client.turns["market_kline"].slowed == 0
