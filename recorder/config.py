"""Settings: defaults, then `recorder.toml`, then `RECORDER_*`, then flags. Validated once, at start."""

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from recorder.exchange.endpoints import PERIOD_SECONDS
from recorder.exchange.signing import Credentials
from recorder.exchange.topics import STREAMS, Stream

DEFAULT_CONFIG: Final = Path("recorder.toml")
BACKFILL_ID: Final = "backfill"
"""The recorder id under which answers asked for by hand are journalled ..."""
ACCOUNT_ID: Final = "account"
"""... and those of an account."""
RETIRABLE: Final = (
    *("trades", "depth", "klines", "state", "rejects", "minutes", "funding_told"),
    *("account_assets", "account_positions", "account_orders", "account_stop_orders"),
    *("account_fills", "account_ledger", "account_leverage", "account_answers", "journal"),
)
"""What `retention` may name: the tables that grow with what is received, and the journal."""
RETENTION_LEAST: Final = timedelta(days=1)
_UNITS: Final = {"s": 1, "min": 60, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class ConfigError(Exception):
    """A setting that cannot be used: its name, what is wrong, what would be right."""


def _split(value: object) -> object:
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


def _not_empty(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("names nothing")
    return tuple(dict.fromkeys(value))


def _duration(value: object) -> object:
    if isinstance(value, str):
        match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*(s|min|m|h|d|w)", value.strip())
        if match is None:
            raise ValueError("is no duration: write a number and s, min, h, d or w, like 12h")
        try:
            return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
        except OverflowError:
            raise ValueError("is longer than time itself: write something like 12h") from None
    return value


def _retention(value: object) -> object:
    """`depth=90d,state=180d`, or a table of a file, as a mapping; the times are checked by their own."""
    if not isinstance(value, str):
        return value
    parts = [part.strip() for part in value.split(",") if part.strip()]
    for part in parts:
        if "=" not in part:
            raise ValueError(f"{part!r} names no time: write depth=90d,journal=30d")
    names = [part.partition("=")[0].strip() for part in parts]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{twice[0]} is named twice: write each once, like depth=90d,journal=30d")
    return dict(zip(names, (part.partition("=")[2] for part in parts), strict=True))


def _retirable(value: Mapping[str, timedelta]) -> Mapping[str, timedelta]:
    for name, age in value.items():
        if name not in RETIRABLE:
            raise ValueError(f"{name!r} cannot be removed by age: choose from {', '.join(RETIRABLE)}")
        if age < RETENTION_LEAST:
            raise ValueError(f"{name} would be kept for less than a day: write {name}=1d, or more")
    return MappingProxyType(dict(value))


def _url(*schemes: str) -> AfterValidator:
    def check(value: str | None) -> str | None:
        if value is None:
            return None
        right = f"write {schemes[-1]}://host/path, or {schemes[0]}://host:port/path"
        try:
            parts = urlsplit(value)
            usable = parts.scheme in schemes and parts.hostname and parts.port != 0
        except ValueError:  # a port out of range, half an IPv6 address
            usable = False
        if not usable or re.search(r"\s", value):
            raise ValueError(f"is no address: {right}")
        if parts.username is not None:
            raise ValueError(f"holds a user name or password, and would be written down: {right}")
        return value

    return AfterValidator(check)


def _market_names(value: tuple[str, ...]) -> tuple[str, ...]:
    if "" in value or ("all" in value and len(value) > 1):
        raise ValueError("is neither all nor a list of market names: write all alone, or BTCUSDT,ETHUSDT")
    return value


def _periods(value: tuple[str, ...]) -> tuple[str, ...]:
    wrong = [period for period in value if period not in PERIOD_SECONDS]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is no period: choose from {', '.join(PERIOD_SECONDS)}")
    return value


def _not_reserved(value: str) -> str:
    if value in (BACKFILL_ID, ACCOUNT_ID):
        raise ValueError(f"is what `recorder {value}` is called: choose another name, like {value}-1")
    return value


class Settings(BaseSettings):
    """Every setting of the recorder. Unknown names in the file are refused; secrets never show in a repr."""

    model_config = SettingsConfigDict(env_prefix="RECORDER_", extra="forbid", frozen=True)

    data_dir: Path = Path("data")
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$"), AfterValidator(_not_reserved)] = "main"
    """The recorder's own name: the journal directory, so that several may share a data directory."""
    rest_url: Annotated[str | None, _url("http", "https")] = None
    ws_url: Annotated[str | None, _url("ws", "wss")] = None
    client_id: SecretStr | None = None
    """Who asks for an account, with `client_key`; without both, no account is recorded."""
    client_key: SecretStr | None = None
    """From the environment or a 0600 file only."""
    markets: Annotated[
        tuple[str, ...],
        NoDecode,
        BeforeValidator(_split),
        AfterValidator(_not_empty),
        AfterValidator(_market_names),
    ] = ("all",)
    streams: Annotated[tuple[Stream, ...], NoDecode, BeforeValidator(_split), AfterValidator(_not_empty)] = (
        STREAMS
    )
    kline_periods: Annotated[
        tuple[str, ...],
        NoDecode,
        BeforeValidator(_split),
        AfterValidator(_not_empty),
        AfterValidator(_periods),
    ] = ("1min",)
    backfill_lookback: Annotated[timedelta, BeforeValidator(_duration), Field(ge=timedelta(0))] = timedelta(
        days=1
    )
    """How far back candles are asked for at the start; 0s asks for none."""
    account_interval: Annotated[timedelta, BeforeValidator(_duration), Field(ge=timedelta(0))] = timedelta(
        minutes=5
    )
    """How often `recorder run` asks for the account, where there are credentials; 0s: not at all."""
    position_api: Literal["v2", "2"] = "v2"
    """Where an account's positions are asked for: below /open/api/v2, or below /open/api/2."""
    retention: Annotated[
        Mapping[str, Annotated[timedelta, BeforeValidator(_duration)]],
        NoDecode,
        BeforeValidator(_retention),
        AfterValidator(_retirable),
        PlainSerializer(lambda value: {name: f"{age.total_seconds():.0f}s" for name, age in value.items()}),
    ] = Field(default_factory=lambda: MappingProxyType({}))
    """How long rows of a table, and the journal, are kept; what is not named is kept for ever."""
    publish_interval: Annotated[float, Field(ge=0.5, le=3_600)] = 60.0
    """Seconds: how often what the journal holds becomes Parquet."""
    subscriptions_per_connection: Annotated[int, Field(ge=1, le=10_000)] = 100
    read_pause_ms: Annotated[float, Field(ge=0, le=50)] = 5.0
    """Milliseconds without reading a socket after a small read: several frames then cost one wake-up, and
    are stamped up to this much later. 0 reads at once."""
    receive: Literal["tap", "library"] = "tap"
    """`tap` takes frames at the transport and falls back by itself; `library` always uses recv()."""

    @property
    def credentials(self) -> Credentials | None:
        """Of the account; None without. Raises ConfigError where one of the two is missing, or no text."""
        given = {
            name: value.get_secret_value() if value is not None else ""
            for name, value in (
                ("RECORDER_CLIENT_ID", self.client_id),
                ("RECORDER_CLIENT_KEY", self.client_key),
            )
        }
        missing = [name for name, value in given.items() if not value]
        if len(missing) == 1:
            [there] = given.keys() - missing
            raise ConfigError(
                f"{missing[0]} is not set, though {there} is: an account needs both, or neither"
            )
        for name, value in given.items():
            if any("\ud800" <= letter <= "\udfff" for letter in value):  # how Python reads other bytes
                raise ConfigError(f"{name} is not UTF-8: copy it anew from the exchange's page")
        return Credentials.of(*given.values()) if not missing else None

    @property
    def all_markets(self) -> bool:
        return self.markets == ("all",)

    @property
    def journal_dir(self) -> Path:
        return self.data_dir / "journal" / self.id

    @property
    def limits_dir(self) -> Path:
        """Where all processes of a data directory keep the venue's limits together."""
        return self.data_dir / "limits"

    def public(self) -> dict[str, Any]:
        """The settings as they may be written down: no credentials."""
        return self.model_dump(mode="json", exclude={"client_id", "client_key"})


def load_settings(config: Path | None, flags: Mapping[str, Any]) -> Settings:
    """Settle all settings; `flags` that are None were not given. Raises ConfigError for the first mistake."""
    path = _config_file(config)

    class Configured(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the library's signature
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, path)

    given = {name: value for name, value in flags.items() if value is not None}
    try:
        settings = Configured(**given)
    except ValidationError as error:
        raise ConfigError(_explain(error, path, given)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{path}: {error}") from None
    if path is not None:
        _refuse_shared_secret(path)
    return settings


def _config_file(config: Path | None) -> Path | None:
    if config is None:
        return DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None
    if not config.is_file():
        raise ConfigError(f"--config {config}: there is no such file")
    return config


def _refuse_shared_secret(path: Path) -> None:
    """A key that others on the machine can read is no secret: say so before it is used."""
    with path.open("rb") as file:
        has_key = "client_key" in tomllib.load(file)
    if has_key and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"{path} holds client_key and can be read by others: run chmod 600 {path}")


def _explain(error: ValidationError, path: Path | None, flags: Mapping[str, Any]) -> str:
    """The first mistake by the name the user wrote it under. Never repeats the value of a secret."""
    first = error.errors(include_url=False, include_context=False)[0]
    name = str(first["loc"][0])
    if name in flags:
        source = f"--{name.replace('_', '-')}"
    elif f"RECORDER_{name.upper()}" in map(str.upper, os.environ):
        source = f"RECORDER_{name.upper()}"
    else:
        source = f"{name} in {path}"
    if first["type"] == "extra_forbidden":
        return f"{source}: there is no such setting; there are {', '.join(Settings.model_fields)}"
    problem = first["msg"].removeprefix("Value error, ")
    hidden = name in ("client_id", "client_key") or "@" in str(first["input"])  # an address with a password
    value = "" if hidden else f" (it is {first['input']!r})"
    return f"{source}: {problem}{value}"
