"""The simulated accounts' credentials, made from the seed: they open nothing but a simulated exchange."""

import hashlib


def client_id(number: int) -> str:
    """Of the account of this number, from 1."""
    return f"demo-{number}"


def client_key(seed: int, number: int) -> str:
    """32 hexadecimal digits."""
    return hashlib.sha256(f"{seed}:{client_id(number)}".encode()).hexdigest()[:32]


def credentials(seed: int, accounts: int) -> dict[str, str]:
    """Keys by client id, for so many accounts."""
    return {client_id(number): client_key(seed, number) for number in range(1, accounts + 1)}
