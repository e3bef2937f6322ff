"""A call that the exchange refuses."""


class RefusedError(Exception):
    """A call that is answered with a code other than 0."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
