"""What may come of a call. One shallow tree: whether to try again is told, and decided in `refusals`."""

from recorder.exchange.refusals import Denial


class RestError(Exception):
    """A call that gave no data.

    `retryable` says whether the same call may succeed later, `retry_after_s` when at the earliest, where the
    venue said so; `code` is the venue's, where it gave one, and `status` that of HTTP, where it gave none.
    """

    def __init__(
        self,
        message: str,
        *,
        retryable: bool,
        retry_after_s: float | None = None,
        code: int | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        self.code = code
        self.status = status


class DeniedError(RestError):
    """A signed call that the venue does not take for the client's own: `denial` says why."""

    def __init__(self, message: str, denial: Denial, code: int | None, *, told_time: bool = False) -> None:
        """`told_time`: what is wrong with the time, or that nothing is, came with it."""
        super().__init__(f"{message}: {denial.value}", retryable=False, code=code)
        self.denial = denial
        self.told_time = told_time


class NoCredentialsError(Exception):
    """A call of the account, by a client without credentials."""


class TradingNotAllowedError(Exception):
    """A call that changes something, by a client that was made for reading."""
