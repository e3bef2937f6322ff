"""Settings come from four places in order, wrong ones are refused by name, and secrets stay secret."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from recorder.config import RETIRABLE, ConfigError, Settings, load_settings
from recorder.lake.publishing.retention import JOURNAL
from recorder.lake.store.tables import TABLES

KEY = "hunter2-very-secret"
CLIENT = "client-4711"


@pytest.fixture(autouse=True)
def _bare(monkeypatch, tmp_path):
    """No setting of the machine the tests run on, and no recorder.toml beside them."""
    for name in os.environ:
        if name.upper().startswith("RECORDER_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def toml(tmp_path):
    """Write a private settings file: its path."""

    def write(text, mode=0o600, name="settings.toml"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return path

    return write


def refused(config=None, **flags):
    with pytest.raises(ConfigError) as caught:
        load_settings(config, flags)
    return str(caught.value)


class TestPrecedence:
    def test_the_defaults_are_those_that_are_documented(self):
        found = load_settings(None, {})
        assert found.data_dir == Path("data")
        assert found.journal_dir == Path("data/journal/main")
        assert (found.rest_url, found.ws_url, found.client_id, found.client_key) == (None,) * 4
        assert found.all_markets
        assert found.streams == ("trade", "depth", "kline", "state")
        assert found.kline_periods == ("1min",)
        assert found.backfill_lookback == timedelta(days=1)
        assert found.publish_interval == 60
        assert found.subscriptions_per_connection == 100
        assert found.receive == "tap"

    def test_flags_beat_the_environment_beats_the_file_beats_the_defaults(self, toml, monkeypatch):
        path = toml('id = "file"\npublish_interval = 5\nsubscriptions_per_connection = 7')
        assert load_settings(path, {}).publish_interval == 5
        monkeypatch.setenv("RECORDER_PUBLISH_INTERVAL", "6")
        monkeypatch.setenv("RECORDER_ID", "environment")
        found = load_settings(path, {"id": "flag", "publish_interval": None})
        assert (found.id, found.publish_interval, found.subscriptions_per_connection) == ("flag", 6, 7)
        assert found.data_dir == Path("data")

    def test_recorder_toml_of_the_working_directory_is_read_without_being_named(self, toml):
        toml('id = "here"', name="recorder.toml")
        assert load_settings(None, {}).id == "here"
        assert load_settings(toml('id = "named"'), {}).id == "named"

    @pytest.mark.parametrize(
        ("name", "text", "field", "value"),
        [
            ("MARKETS", "BTCUSDT, ETHUSDT,,BTCUSDT", "markets", ("BTCUSDT", "ETHUSDT")),
            ("STREAMS", "trade,state", "streams", ("trade", "state")),
            ("KLINE_PERIODS", "1min,1week", "kline_periods", ("1min", "1week")),
            ("BACKFILL_LOOKBACK", "90min", "backfill_lookback", timedelta(minutes=90)),
            ("BACKFILL_LOOKBACK", "1.5 h", "backfill_lookback", timedelta(minutes=90)),
            ("BACKFILL_LOOKBACK", "2w", "backfill_lookback", timedelta(weeks=2)),
            ("DATA_DIR", "/x/y", "data_dir", Path("/x/y")),
            ("WS_URL", "wss://host.example:8443/ws?x=1", "ws_url", "wss://host.example:8443/ws?x=1"),
            ("REST_URL", "http://[::1]:80", "rest_url", "http://[::1]:80"),
            ("SUBSCRIPTIONS_PER_CONNECTION", "1", "subscriptions_per_connection", 1),
        ],
    )
    def test_the_environment_is_read_as_it_is_documented(self, monkeypatch, name, text, field, value):
        monkeypatch.setenv(f"RECORDER_{name}", text)
        assert getattr(load_settings(None, {}), field) == value

    def test_a_file_may_write_lists_and_seconds(self, toml):
        found = load_settings(toml('markets = ["A", "B"]\nbackfill_lookback = 60'), {})
        assert (found.markets, found.backfill_lookback) == (("A", "B"), timedelta(minutes=1))
        assert not found.all_markets


class TestRetention:
    """How long what is kept: a list in the environment, a table in a file."""

    def test_nothing_is_removed_by_default(self):
        assert dict(load_settings(None, {}).retention) == {}

    def test_the_environment_gives_a_list(self, monkeypatch):
        monkeypatch.setenv("RECORDER_RETENTION", "depth=90d, state = 26w,journal=1d")
        expected = {"depth": timedelta(days=90), "state": timedelta(weeks=26), "journal": timedelta(days=1)}
        assert load_settings(None, {}).retention == expected

    def test_a_file_gives_a_table(self, toml):
        path = toml("[retention]\ndepth = '90d'\njournal = '30d'")
        expected = {"depth": timedelta(days=90), "journal": timedelta(days=30)}
        assert load_settings(path, {}).retention == expected

    def test_it_cannot_be_changed_and_can_be_written_down(self, toml):
        found = load_settings(toml("retention = 'depth=2d'"), {})
        with pytest.raises(TypeError):
            found.retention["depth"] = timedelta(0)
        assert found.public()["retention"] == {"depth": "172800s"}

    def test_what_may_be_named_are_the_tables_of_received_rows_and_the_journal(self):
        kept = {"gaps", "coverage", "removed", "markets"}
        assert set(RETIRABLE) == {*TABLES, JOURNAL} - kept

    @pytest.mark.parametrize(
        ("text", "right"),
        [
            ("depth", "write depth=90d,journal=30d"),
            ("depth=3h", "write depth=1d, or more"),
            ("depth=90", "like 12h"),
            ("gaps=90d", "choose from trades, depth,"),
            ("books=90d", "choose from trades, depth,"),
            ("depth=2d,depth=3d", "write each once"),
        ],
    )
    def test_a_wrong_one_is_refused_with_what_would_be_right(self, monkeypatch, text, right):
        monkeypatch.setenv("RECORDER_RETENTION", text)
        found = refused()
        assert found.startswith("RECORDER_RETENTION: ")
        assert right in found

    @pytest.mark.parametrize("text", ["[retention]\ndepth = 90", "[retention]\ngaps = '9d'", "retention = 5"])
    def test_a_wrong_one_of_a_file_is_refused(self, toml, text):
        assert refused(toml(text)).startswith("retention in ")


class TestRefusals:
    """Each names the setting as the user wrote it, what it is, and what would be right."""

    @pytest.mark.parametrize(
        ("name", "value", "right"),
        [
            ("ID", "a/b", "match pattern"),
            ("REST_URL", "ws://host", "http://host:port/path"),
            ("WS_URL", "host:9000", "wss://host/path"),
            ("WS_URL", "ws://", "wss://host/path"),
            ("WS_URL", "ws://host:99999", "wss://host/path"),
            ("WS_URL", "ws://ho st/", "wss://host/path"),
            ("WS_URL", "ws://[::1", "wss://host/path"),
            ("WS_URL", "", "wss://host/path"),
            ("MARKETS", "", "names nothing"),
            ("MARKETS", "all,BTCUSDT", "write all alone, or BTCUSDT,ETHUSDT"),
            ("STREAMS", "trade,books", "'trade', 'depth', 'kline' or 'state'"),
            ("STREAMS", ",", "names nothing"),
            ("KLINE_PERIODS", "1min,2min", "choose from 1min, 5min"),
            ("BACKFILL_LOOKBACK", "P1D", "like 12h"),
            ("BACKFILL_LOOKBACK", "-1d", "like 12h"),
            ("BACKFILL_LOOKBACK", "9" * 30 + "d", "like 12h"),
            ("PUBLISH_INTERVAL", "soon", "valid number"),
            ("PUBLISH_INTERVAL", "0", "greater than or equal to 0.5"),
            ("PUBLISH_INTERVAL", "nan", "3600"),
            ("SUBSCRIPTIONS_PER_CONNECTION", "0", "greater than or equal to 1"),
            ("SUBSCRIPTIONS_PER_CONNECTION", "1.5", "valid integer"),
            ("RECEIVE", "magic", "'tap' or 'library'"),
        ],
    )
    def test_a_wrong_value_of_the_environment(self, monkeypatch, name, value, right):
        monkeypatch.setenv(f"RECORDER_{name}", value)
        text = refused()
        assert text.startswith(f"RECORDER_{name}: ")
        assert right in text
        assert "\n" not in text

    @pytest.mark.parametrize(
        ("line", "right"),
        [
            ("publish_interval = 'x'", "valid number"),
            ("markets = 5", "valid tuple"),
            ("markets = [5]", "valid string"),
            ("markets = ['']", "BTCUSDT,ETHUSDT"),
            ("backfill_lookback = -5", "greater than or equal"),
        ],
    )
    def test_a_wrong_value_of_the_file(self, toml, line, right):
        path = toml(line)
        text = refused(path)
        assert text.startswith(f"{line.split()[0]} in {path}: ")
        assert right in text

    def test_a_wrong_flag(self):
        assert refused(subscriptions_per_connection=0).startswith("--subscriptions-per-connection: ")

    def test_the_place_that_counts_is_named_when_several_give_a_value(self, toml, monkeypatch):
        path = toml("publish_interval = 'x'")
        monkeypatch.setenv("RECORDER_PUBLISH_INTERVAL", "y")
        assert refused(path, publish_interval="z").startswith("--publish-interval: ")
        assert refused(path).startswith("RECORDER_PUBLISH_INTERVAL: ")

    def test_a_name_of_the_environment_is_found_in_any_case(self, monkeypatch):
        monkeypatch.setenv("recorder_id", "a/b")
        assert refused().startswith("RECORDER_ID: ")

    @pytest.mark.parametrize("text", ["marktes = 'all'", "[recorder]\nid = 'x'", "RECORDER_ID = 'x'"])
    def test_a_name_that_does_not_exist_is_refused_with_those_that_do(self, toml, text):
        path = toml(text)
        found = refused(path)
        assert found.startswith(text.split()[0].strip("[]"))
        assert f"in {path}: there is no such setting; there are data_dir, id," in found

    @pytest.mark.parametrize("text", ["id = ", b"id = '\xff'"])
    def test_a_file_that_is_no_toml_is_named(self, toml, text):
        path = toml(text)
        assert refused(path).startswith(f"{path}: ")

    def test_a_file_that_is_not_there_is_named(self, tmp_path):
        assert refused(tmp_path / "none.toml") == f"--config {tmp_path}/none.toml: there is no such file"

    def test_settings_cannot_be_changed_afterwards(self):
        with pytest.raises(ValueError, match="frozen"):
            load_settings(None, {}).id = "other"


class TestSecrets:
    def test_they_are_read_and_show_nowhere(self, monkeypatch):
        monkeypatch.setenv("RECORDER_CLIENT_ID", CLIENT)
        monkeypatch.setenv("RECORDER_CLIENT_KEY", KEY)
        found = load_settings(None, {})
        assert (found.client_id.get_secret_value(), found.client_key.get_secret_value()) == (CLIENT, KEY)
        for text in (repr(found), str(found), repr(found.public()), f"{found}", found.model_dump_json()):
            assert KEY not in text
        for text in (repr(found), str(found), repr(found.public())):
            assert CLIENT not in text

    def test_what_may_be_written_down_is_everything_else(self):
        secrets = {"client_id", "client_key"}
        assert set(load_settings(None, {}).public()) == set(Settings.model_fields) - secrets

    @pytest.mark.parametrize(
        "text",
        [f"client_key = ['{KEY}']", f"client_id = ['{KEY}']", f"clientkey = '{KEY}'", f"client_key = '{KEY}"],
    )
    def test_no_error_repeats_them(self, toml, text):
        assert KEY not in refused(toml(text))

    def test_another_mistake_beside_them_does_not_show_them(self, toml):
        assert KEY not in refused(toml(f"client_key = '{KEY}'\nid = 'a/b'"))

    @pytest.mark.parametrize("url", [f"wss://me:{KEY}@host/ws", f"wss://{KEY}@host/ws"])
    def test_an_address_that_holds_one_is_refused_without_repeating_it(self, monkeypatch, url):
        monkeypatch.setenv("RECORDER_WS_URL", url)
        text = refused()
        assert "holds a user name or password" in text
        assert KEY not in text

    @pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601])
    def test_a_key_in_a_file_that_others_can_touch_is_refused_with_the_cure(self, toml, mode):
        path = toml(f"client_key = '{KEY}'", mode)
        text = refused(path)
        assert f"chmod 600 {path}" in text
        assert KEY not in text

    @pytest.mark.parametrize("mode", [0o600, 0o400])
    def test_a_key_in_a_private_file_is_taken(self, toml, mode):
        found = load_settings(toml(f"client_key = '{KEY}'", mode), {})
        assert found.client_key.get_secret_value() == KEY

    def test_a_file_without_a_key_may_be_read_by_all(self, toml):
        assert load_settings(toml("id = 'open'", 0o644), {}).id == "open"
