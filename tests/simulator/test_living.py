import pytest

from recorder.exchange.enums import Side
from recorder.exchange.messages import parse
from recorder.exchange.topics import Topic
from recorder.simulator.living import LivingExchange
from recorder.simulator.private.accounts import Business
from recorder.simulator.private.ordering import Wish, place
from recorder.simulator.settings import SimulatorSettings
from recorder.simulator.source import Wanted

NS = 10**9
START = 1_795_392_000 * NS + 250_000_000
NAMES = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


def everything(names=NAMES):
    return Wanted(set(names), set(names), dict.fromkeys(names, ("1min", "5min")), state=True)


def run(exchange, wanted, seconds, step_ns=NS // 100):
    pushes = []
    for now in range(START, START + seconds * NS + 1, step_ns):
        pushes += exchange.advance(now, wanted)
    return pushes


def test_all_pushes_of_all_markets_come_in_the_order_of_their_times_and_are_readable():
    pushes = run(LivingExchange(SimulatorSettings(markets=3, rate=4), START), everything(), 4)
    times = [push.t_ns for push in pushes]
    assert times == sorted(times)
    assert {(push.topic.stream, push.topic.market) for push in pushes} >= {
        (stream, name) for stream in ("trade", "depth", "kline") for name in NAMES
    }
    assert {push.topic.period for push in pushes if push.topic.stream == "kline"} == {"1min", "5min"}
    for push in pushes:
        assert parse(push.payload).notices == ()


def test_the_pump_that_runs_more_often_sends_the_same():
    often = run(LivingExchange(SimulatorSettings(markets=3), START), everything(), 3, NS // 200)
    seldom = run(LivingExchange(SimulatorSettings(markets=3), START), everything(), 3, NS // 2)
    assert [(push.topic, push.payload) for push in often] == [(push.topic, push.payload) for push in seldom]


def test_nothing_is_written_that_nobody_wants():
    exchange = LivingExchange(SimulatorSettings(markets=3, rate=4), START)
    assert run(exchange, Wanted(), 3) == []
    pushes = run(exchange, Wanted(trade={"BTCUSDT"}), 5)
    assert {push.topic for push in pushes} == {Topic("trade", "BTCUSDT")}


def test_every_trade_is_written_where_the_record_wants_them():
    trades = [
        [push.payload for push in run(LivingExchange(SimulatorSettings(markets=3, rate=4), START), wanted, 5)]
        for wanted in (Wanted(every_trade=True), Wanted(trade=set(NAMES)))
    ]
    assert trades[0] == trades[1] != []


def test_all_markets_settle_at_the_interval_that_is_asked_for_and_charge_accounts():
    settings = SimulatorSettings(markets=2, accounts=1, funding_interval=2, rate=0.1)
    exchange = LivingExchange(settings, START)
    assert exchange.list_market("NEWUSDT", START) == "NEWUSDT"
    desk = exchange.venue.desk
    [account] = desk.accounts.values()
    place(desk, account, Wish(desk.terms("BTCUSDT"), Side.BUY, 100))
    told = []
    for second in range(250):
        exchange.advance(START + second * NS, Wanted())
        told.append({state["funding_time"] for state in exchange.states().values()})
    assert [told[second] for second in (0, 1, 60, 61, 119, 120, 121)] == [{n} for n in (2, 1, 1, 0, 0, 2, 1)]
    charged = [line.time_us for line in account.ledger if line.business is Business.FUNDING]
    assert charged == [(START // NS + later) * 1_000_000 for later in (120, 240)]


def test_states_come_on_each_whole_second_and_hold_every_market():
    exchange = LivingExchange(SimulatorSettings(markets=3), START)
    pushes = run(exchange, Wanted(state=True), 5)
    assert [push.t_ns for push in pushes] == [START // NS * NS + n * NS for n in range(1, 6)]
    assert set(parse(pushes[-1].payload).states) == set(NAMES)


def test_states_come_at_the_rhythm_that_is_set():
    exchange = LivingExchange(SimulatorSettings(markets=1, state_s=10), START)
    pushes = run(exchange, Wanted(state=True), 31)
    assert [push.t_ns // NS - START // NS for push in pushes] == [10, 20, 30]


def test_changed_states_leave_out_the_markets_that_stood_still():
    exchange = LivingExchange(SimulatorSettings(markets=3, states="changed"), START)
    run(exchange, Wanted(), 2)
    assert len(exchange._state_push()) == 1
    assert exchange._state_push() == []
    exchange._markets["ETHUSDT"].figures.open_interest += 1
    (push,) = exchange._state_push()
    assert set(parse(push.payload).states) == {"ETHUSDT"}


def test_a_process_that_slept_catches_up_step_by_step():
    exchange = LivingExchange(SimulatorSettings(markets=1, rate=4), START)
    wanted = Wanted(state=True)
    states = [len(exchange.advance(START + 60 * NS, wanted)) for _ in range(60)]
    assert states == [1] * 60


def test_one_that_may_catches_up_in_longer_steps():
    wanted = everything()
    usual = run(LivingExchange(SimulatorSettings(markets=3), START), wanted, 20, NS)
    exchange = LivingExchange(SimulatorSettings(markets=3, catch_up_s=10), START)
    pushes = exchange.advance(START + 60 * NS, wanted) + exchange.advance(START + 20 * NS, wanted)
    assert [(push.t_ns, push.payload) for push in pushes] == [(push.t_ns, push.payload) for push in usual]


@pytest.mark.parametrize("name", ["NEWUSDT", None])
def test_a_listed_market_lives_from_then_on_without_a_past(name):
    exchange = LivingExchange(SimulatorSettings(markets=2, rate=10), START)
    exchange.advance(START + NS, Wanted())
    listed = exchange.list_market(name, START + NS)
    assert listed == (name or "SOLUSDT")
    assert listed in exchange.names()
    assert exchange.list_market(listed, START + NS) is None
    pushes = exchange.advance(START + 2 * NS, everything([listed]))
    assert {push.topic.market for push in pushes} >= {listed}
    assert len(exchange.klines(listed, "1min", 0, 2**40)) == 1


def test_a_delisted_market_has_no_more_news():
    exchange = LivingExchange(SimulatorSettings(markets=2, rate=10), START)
    exchange.delist_market("BTCUSDT")
    pushes = run(exchange, everything(["BTCUSDT", "ETHUSDT"]), 2)
    assert {push.topic.market for push in pushes} == {"ETHUSDT", None}
    assert [market["name"] for market in exchange.market_list()] == ["ETHUSDT"]
