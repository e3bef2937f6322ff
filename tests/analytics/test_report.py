"""The report: one page that has what the lake has, says why where it has nothing, and asks no network."""

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from asked_lakes import described, fill, gap, graded, lake_at, rows_as
from drawings import figures_of
from lakedays import DAY_US, HOUR_US, MINUTE_US, SECOND_US, book, state, trade
from once import once
from typer.testing import CliRunner

from analytics import EmptyRangeError, open_lake
from analytics.charts.theme import LIGHT
from analytics.report import findings, words
from analytics.report.gather import gather
from analytics.report.page import _texts, page
from analytics.report.scope import bucket, find_scope, floor
from recorder.cli import app

HOSTILE = "</script><script>alert(1)</script><!--&amp;\"'"
HOUR_30 = timedelta(hours=30, seconds=5)
CELLS = re.compile(r"<td>(.*?)</td>")
DAY = datetime(2026, 11, 22, tzinfo=UTC)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MAPS = ("funding", "spread", "depth", "coverage")
OF_MARKET = ("price", "volume", "profile", "spread", "depth", "basis", "open_interest")


def hour_of(market, day, price=100.0, first_id=10_000_000):
    """An hour of a market: a book and a trade of 2 every 20 s, a state each minute, all of grade A."""
    steps = range(0, HOUR_US, 20 * SECOND_US)
    levels = {"bids": [(price * 0.9999, 5.0)], "asks": [(price * 1.0001, 5.0)]}
    told = {"index_price": price, "mark_price": price * 1.0002}
    day.add("depth", rows_as("depth", [book(at, market=market, seq=at, **levels, **told) for at in steps]))
    trades = [
        trade(at + 1, first_id + at, price, 2.0, "buy" if at % MINUTE_US else "sell", market=market)
        for at in steps
    ]
    day.add("trades", rows_as("trades", trades))
    states = [
        state(at, 7.0, market=market) | {"funding_rate_next": 3e-4} for at in range(0, HOUR_US, MINUTE_US)
    ]
    day.add("state", rows_as("state", states))
    day.add("coverage", rows_as("coverage", [graded(minute, market=market) for minute in range(60)]))
    day.add("markets", rows_as("markets", [described(market)]))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Two days of three markets, and an hour of one whose name is an attack; a gap of it is not repaired."""

    def make(path):
        with lake_at(path) as day:
            fill(day, 41, books=150, trades=120)
            fill(day, 42, books=150, trades=120, later=1)
            hour_of(HOSTILE, day, price=5_000.0)
            day.add("gaps", rows_as("gaps", [gap(HOUR_US, 6 * HOUR_US, stream="trade", market=HOSTILE)]))

    return once(tmp_path_factory, "reported", make)


@pytest.fixture(scope="module")
def made(data_dir, tmp_path_factory):
    """What the command says, and the page that it writes."""

    def make(place):
        (place / "out").mkdir()
        out = str(place / "out/report.html")
        done = CliRunner().invoke(app, ["report", "--data-dir", str(data_dir), "--out", out])
        assert done.exception is None
        (place / "told.txt").write_text(done.stdout)

    place = once(tmp_path_factory, "report", make)
    return (place / "told.txt").read_text(), place / "out/report.html"


@pytest.fixture(scope="module")
def text(made):
    return made[1].read_text()


@pytest.fixture(scope="module")
def data(text):
    """What the page's script draws."""
    [held] = re.findall(r'<script type="application/json" id="page">(.*?)</script>', text, re.DOTALL)
    return json.loads(held)


def seen(text):
    """The page without its scripts and styles, as a reader sees it."""
    return html.unescape(re.sub(r"<(script|style)\b.*?</\1>|<[^>]+>", " ", text, flags=re.DOTALL))


def columns(chart):
    [table] = chart["datasets"].values()
    return table


def market_named(text, data, name):
    """A market's part of the page's data: they stand in the order of the options."""
    options = [html.unescape(each) for each in re.findall(r"<option>(.*?)</option>", text)]
    return data["markets"][options.index(name)]


class TestCommand:
    def test_it_says_where_the_page_is_and_how_to_open_it(self, made):
        said, out = made
        assert str(out) in said
        assert out.as_uri() in said.replace("\n", "")

    def test_nothing_but_the_page_is_left_behind(self, made):
        assert list(made[1].parent.iterdir()) == [made[1]]

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--market", "AAB"], "did you mean AAA"),
            (["--start", "2027-01-01"], "The lake has 2026-11-22"),
            (["--out", "nowhere/report.html"], "there is no directory nowhere"),
        ],
    )
    def test_what_cannot_be_shown_is_a_message_and_no_file(self, data_dir, tmp_path, arguments, words):
        out = [] if "--out" in arguments else ["--out", str(tmp_path / "x.html")]
        done = CliRunner().invoke(app, ["report", "--data-dir", str(data_dir), *arguments, *out])
        assert words in str(done.exception)
        assert list(tmp_path.iterdir()) == []


class TestContents:
    def test_the_head_tells_the_lake_the_span_and_how_much_there_is(self, text, data_dir):
        told = " ".join(seen(text).split())
        assert str(data_dir) in told
        assert "22 November 2026" in told
        assert "4 markets" in told
        trades = 6 * 120 + 180
        assert f"trades {trades:,}" in told

    def test_the_head_tells_how_whole_it_is(self, text, data_dir):
        minutes = dict(
            open_lake(data_dir).sql("SELECT grade, count(*) FROM coverage GROUP BY grade").fetchall()
        )
        share = 100 * minutes["A"] / sum(minutes.values())
        assert f"A {share:.1f} %" in " ".join(seen(text).split())

    def test_the_foot_tells_when_it_was_made_and_by_what(self, text):
        assert re.search(
            r"Made on \d+ \w+ 20\d\d, \d\d:\d\d(:\d\d)? UTC by perpetual-recorder \d", seen(text)
        )

    def test_each_settlement_is_in_the_heat_map(self, data, data_dir):
        rows = open_lake(data_dir).funding()
        drawn = columns(data["charts"]["funding"])
        assert sorted(each for each in drawn["apr"] if each is not None) == pytest.approx(
            sorted(rows["apr"].drop_nulls()), rel=1e-6
        )

    def test_what_each_market_will_be_charged_next_is_in_a_table(self, text, data_dir):
        table = re.findall(r"<tbody>(.*?)</tbody>", text, re.DOTALL)[0]
        told = {html.unescape(row[0]): row[1:4] for row in map(CELLS.findall, table.split("</tr>")) if row}
        newest = "SELECT market, funding_rate_next, apr_next FROM funding_now WHERE age_seconds < 86400"
        assert {market: figures[:2] for market, figures in told.items()} == {
            market: [words.bps(1e4 * rate, signed=True), words.percent(apr, signed=True)]
            for market, rate, apr in open_lake(data_dir).sql(newest).fetchall()
        }

    def test_the_maps_have_the_spread_and_the_depth_that_the_books_had(self, data):
        for chart, column, expected in (("spread", "relative_spread_bps", 2.0), ("depth", "depth", 50_000.0)):
            table = columns(data["charts"][chart])
            own = [
                value
                for market, value in zip(table["market"], table[column], strict=True)
                if market == HOSTILE
            ]
            assert own
            assert own == pytest.approx([expected] * len(own), rel=1e-3)

    def test_the_charts_of_a_market_hold_its_trades(self, text, data):
        own = market_named(text, data, HOSTILE)
        table = columns(own["charts"]["volume"])
        assert sum(each or 0 for each in table["trades"]) == 180
        assert sum(each or 0 for each in table["buy_turnover"]) == pytest.approx(120 * 2 * 5_000)
        assert set(columns(own["charts"]["price"])["vwap"]) - {None} == {5_000}

    def test_its_figures_are_written_for_people(self, text, data):
        tiles = dict(market_named(text, data, HOSTILE)["tiles"])
        assert tiles["last price"] == "5,000"
        assert tiles["turnover, quote"] == "1.8M"
        assert tiles["quoted spread"] == "2.00 bps"
        assert tiles["mark over index"] == "+2.00 bps"
        assert tiles["bought by takers"] == "66.7 %"
        assert tiles["open interest, base"] == "7"

    def test_the_longest_of_what_is_missing_is_told_first(self, text):
        table = re.findall(r"<tbody>(.*?)</tbody>", text, re.DOTALL)[-1]
        first = [html.unescape(cell) for cell in re.findall(r"<td>(.*?)</td>", table)[:6]]
        assert first == [HOSTILE, "trade", "disconnect", "22 November 2026, 01:00", "5 hours", ""]

    def test_numbers_have_no_more_digits_than_are_read(self, data):
        numbers = [
            value
            for chart in (data["charts"]["spread"], data["charts"]["depth"])
            for column in columns(chart).values()
            for value in column
            if isinstance(value, float)
        ]
        assert numbers
        assert all(float(f"{value:.7g}") == value for value in numbers)

    def test_it_is_small(self, made):
        assert made[1].stat().st_size < 2_000_000


class TestSafety:
    def test_a_hostile_name_ends_no_script_and_is_no_markup(self, text):
        assert "<script>alert" not in text
        assert text.count("</script>") == text.count("<script") == 3

    def test_a_hostile_name_is_read_as_it_is(self, text, data):
        assert HOSTILE in seen(text)
        assert HOSTILE in columns(data["charts"]["spread"])["market"]

    def test_the_policy_forbids_every_address_and_every_script_but_its_own(self, text):
        [policy] = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
        hashes = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in scripts]
        assert rules["default-src"] == "'none'"
        assert rules["script-src"].split() == [f"'sha256-{each}'" for each in hashes]
        assert not {"connect-src", "font-src", "frame-src", "worker-src"} & set(rules)
        assert rules["img-src"] == "data:"

    def test_no_address_stands_in_it_but_names_of_schemas(self, text):
        [bundle, _] = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
        addresses = set(re.findall(r"https?://[\w./-]+", text.replace(bundle, "")))
        assert {each for each in addresses if not each.startswith("https://vega.github.io/schema/")} == set()
        assert re.findall(r"(?:src|href)=\"(?!#)", text.replace(bundle, "")) == []


def scoped(path, markets=(), start=None, end=None):
    lake = open_lake(path)
    scope = find_scope(lake, path, markets, start, end)
    return scope, gather(lake, scope, markets or None)


class TestLittle:
    @pytest.fixture(scope="class")
    @classmethod
    def short(cls, tmp_path_factory):
        """Twenty seconds of one market, of which nothing is graded yet."""
        path = tmp_path_factory.mktemp("short")
        with lake_at(path) as day:
            seconds = range(0, 20 * SECOND_US, SECOND_US)
            day.add("trades", rows_as("trades", [trade(at, at, 10.0, 1.0, market="AAA") for at in seconds]))
            day.add("depth", rows_as("depth", [book(at, market="AAA", seq=at) for at in seconds]))
        return page(*reversed(scoped(path)), "made")

    def test_what_is_not_there_is_said_in_a_sentence(self, short):
        data = json.loads(re.findall(r'id="page">(.*?)</script>', short, re.DOTALL)[0])
        assert data["charts"]["funding"].startswith("No settlement lies in this span.")
        assert data["charts"]["coverage"].startswith("No minute is graded yet")
        assert data["markets"][0]["charts"]["open_interest"].startswith("No state that tells")
        assert "No minute is graded yet" in seen(short)

    def test_a_lake_without_a_settlement_tells_what_the_next_one_will_charge(self, tmp_path):
        rates = {"funding_rate_next": 1e-4, "funding_rate_predict": -2e-4, "funding_minutes": 114}
        told = [state(at, 7.0) | rates | {"ts_funding": DAY_US + 2 * HOUR_US} for at in (0, SECOND_US)]
        with lake_at(tmp_path) as day:
            day.add("depth", rows_as("depth", [book(0), book(20 * SECOND_US, seq=1)]))
            day.add("state", rows_as("state", told))
        made = page(*reversed(scoped(tmp_path)), "made")
        [table] = re.findall(r"<tbody>(.*?)</tbody>", made, re.DOTALL)
        coming = ["22 November 2026, 02:00", "1 hour 59 minutes", "not known"]
        assert re.findall(r"<td>(.*?)</td>", table) == ["AAA", "+1.00 bps", "not known", "-2.00 bps", *coming]
        assert "No settlement with a proven rate" in seen(made)

    def test_trades_of_a_short_span_are_shown_by_the_second(self, short):
        data = json.loads(re.findall(r'id="page">(.*?)</script>', short, re.DOTALL)[0])
        assert columns(data["markets"][0]["charts"]["price"])["vwap"] == [10.0] * 20
        assert "(19 seconds)" in seen(short)

    def test_an_empty_lake_is_told_of(self, tmp_path):
        with lake_at(tmp_path):
            pass
        with pytest.raises(EmptyRangeError, match="the lake is empty"):
            scoped(tmp_path)


@pytest.mark.long
class TestMuch:
    @pytest.fixture(scope="class")
    @classmethod
    def path(cls, tmp_path_factory):
        """45 markets, the higher its number, the greater its turnover."""
        path = tmp_path_factory.mktemp("many")
        with lake_at(path) as day:
            rows = [trade(at, at, 10.0, 1.0 + at, market=f"M{at:02}") for at in range(45)]
            day.add("trades", rows_as("trades", rows))
        return path

    def test_maps_are_of_the_forty_markets_with_most_turnover_and_say_so(self, path):
        scope, frames = scoped(path)
        assert scope.mapped == tuple(f"M{at:02}" for at in range(44, 4, -1))
        assert scope.chosen == tuple(f"M{at:02}" for at in range(44, 32, -1))
        assert _texts(frames, scope)["mapped"] == "Rows are the 40 markets with most turnover of 45."

    def test_markets_and_a_span_can_be_chosen(self, data_dir):
        scope, frames = scoped(data_dir, ["AAA", "BBB"], "2026-11-22", "2026-11-23")
        assert set(scope.markets) == {"AAA", "BBB"}
        assert frames.rows["trades"] == 240
        assert frames.volume["bucket"].max() < DAY + timedelta(days=1)
        assert set(frames.gaps["market"]) == {"AAA", "BBB", None}

    def test_a_span_that_begins_within_a_bucket_has_that_bucket_whole(self, data_dir):
        _, frames = scoped(data_dir, [HOSTILE], "2026-11-22T00:07", "2026-11-22T12:00")
        assert frames.coverage["hour"].to_list() == [DAY]
        assert frames.volume["bucket"].min() == DAY + timedelta(minutes=5)

    def test_settlements_are_of_each_interval_that_touches_the_span(self, data_dir):
        _, frames = scoped(data_dir, ["AAA"], "2026-11-22T10:00", "2026-11-22T18:00")
        rows = frames.settlements.select("ts_settled", "interval_hours").rows()
        assert [(at.hour, length) for at, length in rows] == [(12, 4.0), (16, 4.0), (20, 4.0)]

    def test_a_span_that_is_asked_for_beyond_what_there_is_ends_where_that_ends(self, data_dir):
        scope = find_scope(open_lake(data_dir), data_dir, ["AAA"], "2026-11-23", "2030-01-01")
        assert scope.first == DAY + timedelta(days=1)
        assert DAY + timedelta(days=1) < scope.end <= DAY + timedelta(days=2)

    @pytest.mark.parametrize(
        ("days", "most", "expected"), [(0.01, 100, "1m"), (1, 100, "15m"), (3, 100, "1h"), (900, 100, "1d")]
    )
    def test_buckets_are_as_long_as_a_page_can_hold(self, days, most, expected):
        assert bucket(timedelta(days=days), most) == expected

    def test_buckets_begin_at_midnight_utc(self):
        assert floor(DAY + timedelta(hours=7, minutes=59), "4h") == DAY + timedelta(hours=4)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
def test_a_browser_without_a_network_draws_every_chart_and_complains_of_nothing(made, tmp_path):
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}",
            "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--window-size=1280,900",
            "--virtual-time-budget=20000", "--dump-dom", made[1].as_uri(),
        ],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    drawn = figures_of(done.stdout)
    assert 'data-drawn="all"' in done.stdout
    assert {name: counts for name, counts in drawn.items() if counts[0] < 1 or counts[1] < 5} == {}
    assert set(drawn) == {*MAPS, *(f"market {name}" for name in OF_MARKET)}
    assert re.findall(r".*CONSOLE.*", done.stderr) == []
    assert done.stdout.count('role="graphics-document"') == len(drawn)
    assert done.stdout.count(f'fill="{LIGHT["style"]["unseen"]["fill"]}"') == len(MAPS)


class TestWords:
    @pytest.mark.parametrize(
        ("told", "expected"),
        [
            (words.count(12_345), "12,345"),
            (words.count(12_345_678), "12.3 million"),
            (words.amount(0), "0"),
            (words.amount(1_234_567), "1.23M"),
            (words.amount(2.5e9), "2.5B"),
            (words.amount(None), "not known"),
            (words.price(61_602.01), "61,602.01"),
            (words.price(0.00001234), "0.00001234"),
            (words.price(5_000.0), "5,000"),
            (words.bps(0.0123), "0.012 bps"),
            (words.bps(-12.34, signed=True), "-12.3 bps"),
            (words.percent(0.5), "50.0 %"),
            (words.percent(0.99999), "99.99 %"),
            (words.percent(0.00001), "under 0.1 %"),
            (words.percent(-0.1234, signed=True), "-12.3 %"),
            (words.percent(-0.0004, signed=True), "0.0 %"),
            (words.percent(0.0, signed=True), "0.0 %"),
            (words.until(timedelta(minutes=65, seconds=59)), "1 hour 5 minutes"),
            (words.until(timedelta(seconds=59)), "under a minute"),
            (words.until(timedelta(0)), "due"),
            (words.many(1, "market"), "1 market"),
            (words.lasting(timedelta(seconds=20)), "20 seconds"),
            (words.lasting(timedelta(days=3)), "3 days"),
            (words.lasting(timedelta(days=3, seconds=-2)), "3 days"),
            (words.lasting(timedelta(hours=26)), "1 day 2 hours"),
            (words.lasting(timedelta(milliseconds=3)), "under a second"),
            (words.span(DAY, DAY + timedelta(minutes=5)), "22 November 2026, 00:00 to 00:05 UTC"),
            (words.span(DAY, DAY + timedelta(seconds=20)), "22 November 2026, 00:00:00 to 00:00:20 UTC"),
            (words.span(DAY, DAY + HOUR_30), "22 November 2026, 00:00 to 23 November 2026, 06:00 UTC"),
            (words.listed(["a", "b", "c", "d"]), "a, b, c and 1 more"),
        ],
    )
    def test_numbers_are_as_people_write_them(self, told, expected):
        assert told == expected


@pytest.mark.parametrize(
    ("recorded", "expected"), [([None, 2.0], 7.0), ([3.0, 2.0], 5.0), ([None, None], None)]
)
def test_turnover_is_the_venues_where_too_few_trades_were_seen_for_a_sum(recorded, expected):
    """And none of a market whose candles count something else."""
    volume = pl.DataFrame(
        {"turnover": recorded, "candle_turnover": [5.0, 2.0]}, schema_overrides={"turnover": pl.Float64}
    )
    assert findings._turnover(volume) == expected
