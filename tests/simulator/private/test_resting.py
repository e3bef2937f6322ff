from recorder.simulator.private.resting import Resting


def test_the_best_price_is_first_and_there_the_oldest_order():
    resting = Resting()
    assert not resting
    for order_id, ticks in ((1, 10), (2, 12), (3, 12)):
        resting.add(True, ticks, order_id, 5)
    assert resting.bids.keys == [-12, -10]
    assert [resting.bids.hit(7), resting.bids.hit(2), resting.bids.hit(9)] == [(2, 5), (3, 2), (3, 3)]
    assert resting.bids.keys == [-10]
    assert resting.bids.lots(-10) == 5


def test_an_order_that_is_taken_back_leaves_no_level_behind():
    resting = Resting()
    resting.add(False, 20, 1, 5)
    resting.remove(False, 21, 1)
    resting.remove(False, 20, 9)
    assert resting
    resting.remove(False, 20, 1)
    assert not resting
