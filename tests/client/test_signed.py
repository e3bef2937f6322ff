"""Signed calls: who, when and once; told apart when they are denied; nothing of it written down."""

import asyncio
import json
import logging
import traceback

import pytest
from aiohttp import web
from venues import ID, KEY, SigningVenue, gateway, said

from recorder.client import rest as rest_module
from recorder.client.errors import DeniedError, NoCredentialsError, RestError, TradingNotAllowedError
from recorder.client.rest import RestClient
from recorder.exchange.endpoints import (
    ASSET_QUERY,
    ENDPOINTS,
    LIMIT_ORDER,
    MARGIN_ADJUSTABLE,
    MARKET_LIST,
    POSITION_PENDING,
)
from recorder.exchange.refusals import Denial
from recorder.exchange.signing import Credentials

WHO = Credentials.of(ID, KEY)
ORDER = {"market": "BTCUSDT", "side": "2", "price": "1", "quantity": "1"}


async def denied(handler, endpoint=ASSET_QUERY, who=WHO, **more):
    async with gateway(handler) as url, RestClient(url, credentials=who, **more) as client:
        with pytest.raises(DeniedError) as caught:
            await client.call(endpoint)
    return caught.value


class TestSigned:
    async def test_a_get_is_signed_in_its_query(self):
        venue = SigningVenue({"USDT": {}})
        async with gateway(venue) as url, RestClient(url, credentials=WHO) as client:
            assert (await client.call(ASSET_QUERY)).data == {"USDT": {}}
        ((method, path, params),) = venue.asked
        assert (method, path, set(params)) == (
            "GET", "/open/api/v2/asset/query", {"client_id", "nonce", "ts", "sign"},
        )  # fmt: skip

    @pytest.mark.parametrize("body", ["form", "json"])
    async def test_a_post_is_signed_in_its_body_of_either_form(self, body):
        venue = SigningVenue(7)
        async with (
            gateway(venue) as url,
            RestClient(url, credentials=WHO, trading=True, body=body) as client,
        ):
            assert (await client.call(LIMIT_ORDER, ORDER)).data == 7
        ((method, _, params),) = venue.asked
        assert method == "POST"
        assert {name: params[name] for name in ORDER} == ORDER

    async def test_no_nonce_is_ever_used_twice(self):
        venue = SigningVenue({})
        async with gateway(venue) as url, RestClient(url, credentials=WHO) as client:
            for _ in range(5):
                await client.call(ASSET_QUERY)
        assert len(venue.nonces) == 5

    async def test_no_nonce_is_sent_twice_where_the_venue_hangs_up(self):
        venue = SigningVenue({})

        async def handler(request):
            answer = await venue(request)
            if len(venue.asked) % 2 == 0:
                request.transport.abort()
            return answer

        async with gateway(handler) as url, RestClient(url, credentials=WHO) as client:
            for _ in range(2):
                await client.call(ASSET_QUERY)
                with pytest.raises(RestError, match="disconnected") as caught:
                    await client.call(ASSET_QUERY)
                assert caught.value.retryable
        assert len(venue.asked) == len({params["nonce"] for _, _, params in venue.asked}) == 4

    async def test_a_public_call_is_not_signed(self):
        venue = SigningVenue([])
        async with gateway(venue) as url, RestClient(url, credentials=WHO) as client:
            await client.call(MARKET_LIST)
        assert venue.asked == [("GET", "/open/api/v2/market/list", {})]

    async def test_positions_are_asked_for_at_the_documents_old_place_where_a_venue_has_them_there(self):
        venue = SigningVenue([])
        async with gateway(venue) as url, RestClient(url, credentials=WHO, old_paths=True) as client:
            await client.call(POSITION_PENDING)
        assert venue.asked[0][1] == "/open/api/2/position/pending"

    @pytest.mark.parametrize("old_paths", [False, True])
    async def test_positions_are_found_at_either_place(self, old_paths):
        here = "/open/api/v2" if old_paths else "/open/api/2"
        asked = []

        async def handler(request):
            asked.append(request.path)
            if not request.path.startswith(here):
                raise web.HTTPNotFound
            return said(0, "success", [])

        async with (
            gateway(handler) as url,
            RestClient(url, credentials=WHO, old_paths=old_paths) as client,
        ):
            for _ in range(2):
                assert (await client.call(POSITION_PENDING)).data == []
        assert asked[1:] == [f"{here}/position/pending"] * 2

    async def test_two_that_are_asked_at_once_both_find_the_other_place(self):
        async def handler(request):
            await asyncio.sleep(0.1)
            if not request.path.startswith("/open/api/2"):
                raise web.HTTPNotFound
            return said(0, "success", [])

        async with gateway(handler) as url, RestClient(url, credentials=WHO) as client:
            asked = {"market": "A", "position_id": "1"}
            calls = client.call(POSITION_PENDING), client.call(MARGIN_ADJUSTABLE, asked)
            assert [given.data for given in await asyncio.gather(*calls)] == [[], []]


class TestClock:
    @pytest.mark.parametrize("off_s", [-3_600.0, -7.0, 7.0, 3_600.0])
    @pytest.mark.parametrize("tells", ["Date", "time"])
    async def test_a_clock_that_is_off_is_measured_and_the_call_succeeds(self, off_s, tells):
        venue = SigningVenue({"USDT": {}}, off_s, tells_time=tells)
        async with gateway(venue) as url, RestClient(url, credentials=WHO) as client:
            assert (await client.call(ASSET_QUERY)).data == {"USDT": {}}
            assert client.clock.offset_s == pytest.approx(off_s, abs=1.5)
            asked = len(venue.asked)
            await client.call(ASSET_QUERY)
            assert len(venue.asked) == asked + 1

    @pytest.mark.parametrize("words", [{}, {"time": "timestamp expired"}])
    async def test_where_a_refusal_does_not_tell_the_time_a_public_answer_is_asked(self, words):
        venue = SigningVenue({"USDT": {}}, 7.0, words, tells_time="public")
        async with gateway(venue) as url, RestClient(url, credentials=WHO) as client:
            assert (await client.call(ASSET_QUERY)).data == {"USDT": {}}
            assert client.clock.offset_s == pytest.approx(7.0, abs=0.1)
            await client.call(ASSET_QUERY)
        assert [path.rpartition("v2/")[2] for _, path, _ in venue.asked] == [
            "asset/query", "market/list", "asset/query", "asset/query",
        ]  # fmt: skip

    async def test_public_answers_measure_it_before_anything_is_signed(self):
        venue = SigningVenue({}, 60.0)
        async with gateway(venue) as url, RestClient(url, credentials=WHO) as client:
            await client.call(MARKET_LIST)
            await client.call(ASSET_QUERY)
        assert len(venue.asked) == 2

    async def test_an_order_too_is_sent_again_with_the_right_time_for_it_was_refused(self):
        venue = SigningVenue(7, 30.0)
        async with gateway(venue) as url, RestClient(url, credentials=WHO, trading=True) as client:
            assert (await client.call(LIMIT_ORDER, ORDER)).data == 7
        assert len(venue.asked) == 2


class TestDenied:
    async def test_a_wrong_key(self):
        error = await denied(SigningVenue({}), who=Credentials.of(ID, "another"))
        assert error.denial is Denial.WRONG_KEY
        assert "check the client's id and key" in str(error)

    async def test_a_refusal_is_read_whatever_its_status_is(self):
        venue = SigningVenue({})
        venue.refusal_status = 401
        error = await denied(venue, who=Credentials.of(ID, "another"))
        assert (error.denial, error.code) == (Denial.WRONG_KEY, 1_010_313)

    async def test_a_wrong_time_that_no_answer_corrects(self):
        venue = SigningVenue({}, 60.0, {"time": "timestamp expired"}, tells_time="nowhere")
        error = await denied(venue)
        assert error.denial is Denial.WRONG_TIME
        assert "set this machine's clock" in str(error)

    async def test_a_used_nonce_is_tried_once_more_with_another(self):
        venue = SigningVenue({}, words={"nonce": "nonce has been used"})
        checked = venue.wrong
        venue.wrong = lambda params: checked(params) if len(venue.asked) > 1 else "nonce"
        async with gateway(venue) as url, RestClient(url, credentials=WHO) as client:
            await client.call(ASSET_QUERY)
        assert len(venue.asked) == 2

    async def test_a_used_nonce_of_an_order_is_not_for_its_twin_may_have_been_taken(self):
        venue = SigningVenue(7, words={"nonce": "nonce has been used"})
        venue.wrong = lambda _: "nonce"
        async with gateway(venue) as url, RestClient(url, credentials=WHO, trading=True) as client:
            with pytest.raises(DeniedError, match="sends requests twice"):
                await client.call(LIMIT_ORDER, ORDER)
        assert len(venue.asked) == 1

    async def test_a_forbidden_address(self):
        async def handler(_request):
            return said(1_010_315, "ip error")

        error = await denied(handler)
        assert error.denial is Denial.WRONG_ADDRESS
        assert "add it to the key's addresses" in str(error)

    async def test_a_denial_is_not_worth_another_try(self):
        assert (await denied(SigningVenue({}), who=Credentials.of(ID, "another"))).retryable is False


class TestAllowed:
    async def test_without_credentials_an_account_is_not_asked_for(self):
        async with RestClient("http://127.0.0.1:9") as client:
            with pytest.raises(NoCredentialsError, match="give the client its credentials"):
                await client.call(ASSET_QUERY)

    @pytest.mark.parametrize(
        "endpoint", [each for each in ENDPOINTS if each.access == "trading"], ids=lambda each: each.name
    )
    async def test_what_trades_refuses_a_client_that_was_made_for_reading(self, endpoint):
        venue = SigningVenue(7)
        async with gateway(venue) as url, RestClient(url, credentials=WHO) as client:
            with pytest.raises(TradingNotAllowedError, match="trading=True"):
                await client.call(endpoint, ORDER)
        assert venue.asked == []


def told(error):
    """All that an error says, down its chain."""
    texts = []
    while error is not None:
        texts += [str(error), repr(error)]
        error = error.__cause__ or error.__context__
    return " ".join(texts)


class TestNothingIsWrittenDown:
    """Of a key, a signature, a nonce or a client's id: in the journal, in an error or in a log."""

    @pytest.fixture
    def nonce(self, monkeypatch):
        monkeypatch.setattr(rest_module.secrets, "token_hex", lambda _: "0123456789abcdef")
        return "0123456789abcdef"

    def assert_nothing(self, venue_asked, *texts):
        secret = {KEY, ID}
        for _, _, params in venue_asked:
            secret |= {params[name] for name in ("nonce", "sign") if name in params}
        assert [each for each in secret for text in texts if each in text] == []

    @pytest.mark.parametrize("repeats", ["url", "json"])
    async def test_where_an_answer_repeats_the_question(self, journal, repeats, nonce):
        venue = SigningVenue({})

        async def handler(request):
            await venue(request)
            if "/market/" in request.path:
                return said(0, "success", [])
            if repeats == "url":
                return web.Response(status=502, text=f"<h1>no way to {request.url}</h1>")
            params = dict(request.query)
            return said(1_010_313, f"signature error {params['sign']}", params)

        async with gateway(handler) as url, RestClient(url, journal, credentials=WHO) as client:
            with pytest.raises(RestError) as caught:
                await client.call(ASSET_QUERY)
        written = repr(journal.rest)
        assert "asset_query" in written
        assert "(cut)" in written
        assert nonce
        self.assert_nothing(venue.asked, written, told(caught.value))

    async def test_where_there_is_no_answer(self, journal, caplog, capfd):
        venue = SigningVenue({})
        caplog.set_level(logging.DEBUG)

        async def handler(request):
            await venue(request)
            request.transport.abort()
            return web.Response()

        async with gateway(handler) as url, RestClient(url, journal, credentials=WHO) as client:
            with pytest.raises(RestError) as caught:
                await client.call(ASSET_QUERY)
        output = "".join(capfd.readouterr())
        assert venue.asked
        self.assert_nothing(venue.asked, repr(journal.rest), told(caught.value), caplog.text, output)

    async def test_where_the_venue_sends_elsewhere_it_is_not_followed(self, journal):
        venue, elsewhere = SigningVenue({}), []

        async def other(request):
            elsewhere.append(str(request.url))
            return said(0, "success", {})

        async with gateway(other) as trap:

            async def handler(request):
                await venue(request)
                raise web.HTTPFound(f"{trap}/?{request.query_string}")

            async with gateway(handler) as url, RestClient(url, journal, credentials=WHO) as client:
                with pytest.raises(RestError, match="HTTP 302") as caught:
                    await client.call(ASSET_QUERY)
        assert elsewhere == []
        self.assert_nothing(venue.asked, repr(journal.rest), told(caught.value))

    async def test_where_nobody_answers_not_even_in_a_tracebacks_locals(self):
        async with RestClient("http://127.0.0.1:9", credentials=WHO) as client:
            with pytest.raises(RestError) as caught:
                await client.call(ASSET_QUERY)
        told_of = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        shown = "".join(told_of.format())
        assert caught.value.__context__ is None
        assert "Signed(" in shown
        self.assert_nothing([], shown)

    async def test_of_a_success(self, journal):
        venue = SigningVenue({"USDT": {"available": "1"}})
        async with gateway(venue) as url, RestClient(url, journal, credentials=WHO) as client:
            await client.call(ASSET_QUERY)
            self.assert_nothing(venue.asked, repr(journal.rest), repr(client), repr(vars(client)))
        assert json.loads(journal.rest[0][3])["data"] == {"USDT": {"available": "1"}}
