"""A typed client of the whole interface, usable on its own.

    async with Client("https://host", credentials=Credentials.of(client_id, client_key)) as client:
        candles = await client.market.candles("BTCUSDT")
        async for fill in client.account.fills("BTCUSDT"):
            ...

It keeps to the venue's limits by itself, measures the venue's clock, and signs with a fresh nonce each time.
"""

from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

from recorder.client.account import PAGE_SIZE, AccountCalls
from recorder.client.errors import NoCredentialsError
from recorder.client.market import MarketCalls
from recorder.client.rest import Journal, RestClient
from recorder.client.stream import PushStream
from recorder.client.trading import TradingCalls
from recorder.exchange.requests import encode_subscribe
from recorder.exchange.signing import Credentials
from recorder.exchange.topics import PRIVATE_STREAMS, Topic


class Client:
    """One session to the venue; use it as an async context manager.

    `market` has the public calls, `account` those that read the account, `trading` those that change
    something; `stream` subscribes. `notices` counts what was odd in what came: unknown fields, records that
    could not be read.
    """

    def __init__(  # noqa: PLR0913  # every property by its name
        self,
        rest_url: str,
        ws_url: str | None = None,
        *,
        credentials: Credentials | None = None,
        trading: bool = False,
        journal: Journal | None = None,
        limits: Path | None = None,
        body: Literal["form", "json"] = "form",
        old_paths: bool = False,
        page_size: int = PAGE_SIZE,
        tries: int = 1,
    ) -> None:
        """As for RestClient; `page_size` is how many records a page of a list is asked to have, `tries` how
        often something of the account is asked that may succeed later, before its error is raised."""
        self.rest = RestClient(
            rest_url,
            journal,
            limits,
            credentials=credentials,
            trading=trading,
            body=body,
            old_paths=old_paths,
        )
        self.notices: Counter[str] = Counter()
        self.market = MarketCalls(self.rest, self.notices)
        self.account = AccountCalls(self.rest, self.notices, page_size, tries)
        self.trading = TradingCalls(self.rest, self.notices)
        self._ws_url = ws_url

    def stream(self, *topics: Topic) -> PushStream:
        """What the venue pushes of these topics; those of the account are signed for.

        Raises ValueError without a `ws_url` or for a topic that lacks its market or period, and
        NoCredentialsError for an account's topic without credentials.
        """
        if self._ws_url is None or urlsplit(self._ws_url).scheme not in ("ws", "wss"):
            raise ValueError(
                "the client has no ws_url: give it the venue's WebSocket address, ws:// or wss://"
            )
        for topic in topics:
            encode_subscribe(topic, 0)
        if any(topic.stream in PRIVATE_STREAMS for topic in topics) and not self.rest.signs:
            raise NoCredentialsError("a stream of the account: give the client its credentials")
        signer = self.rest.sign if self.rest.signs else None
        return PushStream(
            self._ws_url, topics, signer, self.rest.redaction, self.notices, self.rest.measure_clock
        )

    async def __aenter__(self) -> Self:
        await self.rest.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.rest.__aexit__(kind, error, traceback)
