"""Topics are spread over connections: none lost, none doubled, never too many on one."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.capture.shards import Shards, topics_of
from recorder.exchange.topics import STREAMS, Topic

steps = st.lists(
    st.tuples(st.sampled_from(["list", "delist"]), st.integers(0, 12).map(lambda n: f"M{n}")), max_size=60
)


def test_a_market_has_a_topic_of_each_stream_and_period_but_no_state():
    assert topics_of("A", STREAMS, ["1min", "1hour"]) == [
        Topic("trade", "A"),
        Topic("depth", "A"),
        Topic("kline", "A", "1min"),
        Topic("kline", "A", "1hour"),
    ]
    assert topics_of("A", ["state"], ["1min"]) == []


@given(st.integers(1, 9), st.sampled_from([["1min"], ["1min", "1hour", "1day"]]), steps)
def test_no_connection_is_ever_overfull_and_no_topic_lost_or_doubled(limit, periods, steps):
    shards = Shards(limit)
    said = {}
    wanted = {Topic("state")}
    for number, topics in shards.add([Topic("state")]).items():
        said.setdefault(number, []).extend(topics)
    for action, market in steps:
        topics = topics_of(market, STREAMS, periods)
        if action == "list":
            wanted |= set(topics)
            for number, added in shards.add(topics).items():
                said.setdefault(number, []).extend(added)
        else:
            wanted -= set(topics)
            for number, dropped in shards.drop(market).items():
                for topic in dropped:
                    said[number].remove(topic)
        assert {number: Counter(list(held)) for number, held in shards.topics.items() if held} == {
            number: Counter(held) for number, held in said.items() if held
        }
        carried = Counter(topic for held in said.values() for topic in held)
        assert carried == Counter(wanted)
        assert all(len(held) <= limit for held in said.values())


@given(st.integers(3, 20), st.integers(1, 40))
def test_the_topics_of_a_market_stay_together_where_they_fit(limit, markets):
    shards = Shards(limit)
    for number in range(markets):
        placed = shards.add(topics_of(f"M{number}", STREAMS, ["1min"]))
        assert len(placed) == 1
    assert len(shards.topics) == -(-markets // (limit // 3))


@pytest.mark.parametrize(("limit", "connections"), [(1, 6), (2, 4), (4, 2), (5, 2)])
def test_a_market_with_more_topics_than_a_connection_holds_is_split(limit, connections):
    shards = Shards(limit)
    for market in "AB":
        shards.add(topics_of(market, STREAMS, ["1min"]))
    assert sum(map(len, shards.topics.values())) == 6
    assert len(shards.topics) <= connections


def test_room_left_by_a_delisted_market_is_used_before_another_connection_is_opened():
    shards = Shards(6)
    for market in "ABC":
        shards.add(topics_of(market, STREAMS, ["1min"]))
    assert len(shards.topics) == 2
    assert set(shards.drop("A")) == {1}
    assert set(shards.add(topics_of("D", STREAMS, ["1min"]))) == {1}
    assert set(shards.add(topics_of("E", STREAMS, ["1min"]))) == {2}


def test_what_is_carried_already_is_not_placed_again():
    shards = Shards(10)
    shards.add([Topic("state")])
    assert shards.add([Topic("state")]) == {}
    assert shards.drop("nobody") == {}
