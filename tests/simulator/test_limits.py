from recorder.exchange.endpoints import MARKET_DEALS, MARKET_DEPTH, MARKET_KLINE
from recorder.simulator.limits import RateLimit


def test_an_endpoint_takes_its_calls_within_its_window_and_no_more():
    limit = RateLimit()
    assert [limit.admit(MARKET_DEALS, 0.05 * n) for n in range(12)] == [True] * 10 + [False] * 2


def test_calls_paced_at_the_limit_pass_even_with_a_little_jitter():
    limit = RateLimit()
    assert all(limit.admit(MARKET_KLINE, second + 0.02 * (second % 2)) for second in range(20))
    assert not limit.admit(MARKET_KLINE, 19.5)


def test_endpoints_are_counted_apart_and_refused_calls_do_not_count():
    limit = RateLimit()
    assert limit.admit(MARKET_DEPTH, 0.0)
    assert not any(limit.admit(MARKET_DEPTH, float(second)) for second in range(1, 9))
    assert limit.admit(MARKET_KLINE, 1.0)
    assert limit.admit(MARKET_DEPTH, 10.0)
