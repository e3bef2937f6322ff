import json
from decimal import Decimal

from recorder.exchange.answers import parse_market_list
from recorder.simulator.catalogue import catalogue, market_spec


def test_a_longer_catalogue_begins_with_the_shorter_one_and_no_name_comes_twice():
    many = catalogue(400, 1)
    assert many[:20] == catalogue(20, 1)
    assert len({spec.name for spec in many}) == 400


def test_prices_reach_from_a_hundred_thousandth_to_a_hundred_thousand():
    prices = [Decimal(spec.price(spec.start_ticks)) for spec in catalogue(300, 1)]
    assert min(prices) < Decimal("0.0001")
    assert max(prices) > 90_000
    assert all(spec.start_ticks > 500 for spec in catalogue(300, 1)), "a tick is a small part of the price"


def test_descriptions_have_the_fields_of_the_documented_market_list(frames):
    documented = json.loads((frames / "rest_market_list.json").read_text())["data"][0]
    descriptions = [spec.description() for spec in catalogue(30, 1)]
    assert set(documented) <= set(descriptions[0])
    for name, value in documented.items():
        assert type(descriptions[0][name]) is type(value), name
    markets, faults = parse_market_list(descriptions)
    assert (len(markets), faults) == (30, ())


def test_a_new_listing_brings_its_own_name():
    spec = market_spec(25, 1, "NEWUSDT")
    assert (spec.name, spec.stock, spec.money) == ("NEWUSDT", "NEW", "USDT")
