"""Integers to the wire's decimals. Inside the simulator a price is ticks and a quantity is lots."""


def fixed(units: int, precision: int) -> str:
    """`units` of 10^-precision with all its digits: fixed(2100, 3) is "2.100"."""
    if precision == 0:
        return str(units)
    sign = "-" if units < 0 else ""
    whole, part = divmod(abs(units), 10**precision)
    return f"{sign}{whole}.{part:0{precision}d}"


def plain(units: int, precision: int) -> str:
    """The same without trailing zeros: plain(2100, 3) is "2.1"."""
    if precision == 0:
        return str(units)
    return fixed(units, precision).rstrip("0").rstrip(".")


def units_of(text: str, precision: int) -> int:
    """The inverse: a plain, unsigned decimal as an integer of 10^-precision; further digits are cut."""
    whole, _, part = text.partition(".")
    return int(whole + part[:precision].ljust(precision, "0"))
