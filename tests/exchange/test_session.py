"""The conversation with the venue: what is asked, when it is confirmed, and how quiet is too quiet."""

import json
from itertools import pairwise

import pytest

from recorder.exchange.lifecycle import TRANSITIONS, Event, SessionError, State
from recorder.exchange.messages import parse
from recorder.exchange.pace import UNKNOWN_AFTER_S
from recorder.exchange.session import DEAD_AFTER_S, PING_EVERY_S, RETRY_REFUSED_S, Session
from recorder.exchange.topics import Topic

A, B, STATE = Topic("trade", "A"), Topic("depth", "B"), Topic("state")
KLINE = Topic("kline", "A", "1min")
VENUE_CLOSES_AFTER_S = 30.0


def opened(*topics, now=0.0):
    """A session that has asked for its topics: (session, what it had to say)."""
    session = Session(topics)
    session.dial()
    return session, session.opened(now)


def live(*topics, now=0.0):
    """A session whose topics are all confirmed."""
    session, output = opened(*topics, now=now)
    answer(session, output.texts[-1], now)
    assert session.state is State.LIVE
    return session


def answer(session, text, now=0.0, *, error=None, **changes):
    """The server's reply to one text of ours."""
    request = json.loads(text)
    reply = {"id": request["id"], "method": request["method"], "result": None if error else "success"}
    return heard(session, now, **{**reply, "error": error, **changes})


def heard(session, now, **reply):
    return session.heard(parse(json.dumps(reply)), now)


def methods(output):
    return [json.loads(text)["method"] for text in output.texts]


def noted(output):
    return [(note.kind, note.fields) for note in output.notes]


def topics_of(output, kind):
    """The topics, without request ids, of all notes of a kind."""
    return [row[1:] for note in output.notes if note.kind == kind for row in note.fields["topics"]]


def tick_through(session, start, end, step=0.1):
    """Tick from start to end: (time, output) of each tick that had something to say."""
    found = []
    for number in range(1, round((end - start) / step) + 1):
        now = start + number * step
        output = session.tick(now)
        if output.texts or output.notes or output.give_up:
            found.append((now, output))
    return found


class TestStateTable:
    @pytest.mark.parametrize("state", State)
    @pytest.mark.parametrize("event", Event)
    def test_a_pair_of_the_table_moves_and_every_other_raises(self, state, event):
        session = Session(())
        session.state = state
        following = TRANSITIONS.get((state, event))
        if following is None:
            with pytest.raises(SessionError, match=f"{event.value} .* {state.value}"):
                session._apply(event)
            assert session.state is state
        else:
            session._apply(event)
            assert session.state is following

    def test_every_state_can_be_left_and_reached(self):
        assert {state for state, _ in TRANSITIONS} == set(State) == set(TRANSITIONS.values())

    def test_only_a_connection_that_is_down_stays_down(self):
        assert [state for state in State if (state, Event.LOST) not in TRANSITIONS] == [State.DOWN]

    def test_a_second_dial_and_an_opening_without_a_dial_are_mistakes(self):
        session = Session(())
        with pytest.raises(SessionError):
            session.opened(0.0)
        session.dial()
        with pytest.raises(SessionError):
            session.dial()


class TestAsking:
    def test_opening_asks_for_every_topic_and_then_pings(self):
        session, output = opened(A, B, KLINE, STATE)
        assert methods(output) == [
            "subscribe.trade", "subscribe.depth", "subscribe.kline", "subscribe.state", "ping",
        ]  # fmt: skip
        ids = [json.loads(text)["id"] for text in output.texts]
        assert ids == sorted(set(ids))
        assert noted(output) == [
            (
                "subscribe",
                {
                    "topics": [
                        [ids[0], "trade", "A"],
                        [ids[1], "depth", "B"],
                        [ids[2], "kline", "A", "1min"],
                        [ids[3], "state"],
                    ]
                },
            )
        ]
        assert session.state is State.SUBSCRIBING

    def test_a_connection_without_topics_is_live_at_once_and_says_nothing(self):
        session, output = opened()
        assert (session.state, output.texts, output.notes) == (State.LIVE, [], [])

    def test_each_connection_asks_again_for_everything_with_new_ids(self):
        session, first = opened(A, B)
        session.lost()
        session.dial()
        second = session.opened(50.0)
        assert methods(second) == methods(first)
        ids = [json.loads(text)["id"] for text in first.texts + second.texts]
        assert len(set(ids)) == len(ids)

    def test_a_topic_given_twice_is_asked_for_once(self):
        assert methods(opened(A, A)[1]) == ["subscribe.trade", "ping"]


class TestConfirming:
    def test_a_reply_with_the_requests_id_confirms_its_topic(self):
        session, output = opened(A, B)
        found = answer(session, output.texts[0])
        assert topics_of(found, "confirmed") == [["trade", "A"]]
        assert session.state is State.SUBSCRIBING
        found = answer(session, output.texts[1], result={"status": "success"}, method=None)
        assert topics_of(found, "confirmed") == [["depth", "B"]]
        assert session.state is State.LIVE

    @pytest.mark.parametrize("error", [{"code": 20002, "msg": "market error"}, "market error"])
    def test_a_reply_with_an_error_refuses_its_topic_in_either_form(self, error):
        session, output = opened(A)
        found = answer(session, output.texts[0], error=error)
        (kind, fields), *more = noted(found)
        assert (kind, more) == ("refused", [])
        assert fields["topics"] == [[json.loads(output.texts[0])["id"], "trade", "A"]]
        assert fields["error"] == "market error"
        assert session.state is State.LIVE

    def test_a_refusal_without_words_names_its_code(self):
        session, output = opened(A)
        found = answer(session, output.texts[0], error={"code": 20002})
        assert noted(found)[0][1]["error"] == "20002"

    def test_the_pong_confirms_what_was_asked_before_it_and_not_what_was_asked_after(self):
        session, first = opened(A)
        second = session.change([B], [], 1.0)
        found = answer(session, first.texts[-1])
        assert topics_of(found, "confirmed") == [["trade", "A"]]
        assert session.state is State.SUBSCRIBING
        assert topics_of(answer(session, second.texts[-1]), "confirmed") == [["depth", "B"]]
        assert session.state is State.LIVE

    def test_acknowledgements_without_an_id_are_covered_by_the_pong(self):
        session, output = opened(A, B)
        for method in ("subscribe.trade", "subscribe.depth"):
            assert not heard(session, 0.1, id=0, method=method, result="success").notes
            assert not heard(session, 0.1, method=method, result="success").notes
        assert session.state is State.SUBSCRIBING
        found = answer(session, output.texts[-1], 0.2)
        assert topics_of(found, "confirmed") == [["trade", "A"], ["depth", "B"]]

    @pytest.mark.parametrize("pong_id", [0, None])
    def test_pongs_without_an_id_answer_pings_in_their_order(self, pong_id):
        session, _ = opened(A)
        session.change([B], [], 1.0)
        pong = {"id": pong_id, "method": "ping", "result": "success"}
        assert topics_of(heard(session, 2.0, **pong), "confirmed") == [["trade", "A"]]
        assert topics_of(heard(session, 2.0, **pong), "confirmed") == [["depth", "B"]]
        assert not heard(session, 2.0, **pong).notes

    def test_a_pong_after_the_acknowledgements_confirms_nothing_twice(self):
        session, output = opened(A, B)
        confirmed = [topics_of(answer(session, text), "confirmed") for text in output.texts]
        assert confirmed == [[["trade", "A"]], [["depth", "B"]], []]

    def test_a_refused_topic_is_not_confirmed_by_the_pong(self):
        session, output = opened(A, B)
        answer(session, output.texts[0], error="no")
        assert topics_of(answer(session, output.texts[-1]), "confirmed") == [["depth", "B"]]

    def test_a_mute_server_confirms_nothing_and_its_pushes_keep_the_connection(self):
        session, _ = opened(A)
        for second in range(1, 200):
            session.saw("trade", float(second), second)
            output = session.tick(float(second))
            assert output.give_up is None
            assert not output.notes
        assert session.state is State.SUBSCRIBING

    @pytest.mark.parametrize("reply", [{"id": 999}, {"id": 0, "method": "update.order"}, {"result": "hello"}])
    def test_replies_that_answer_nothing_change_nothing(self, reply):
        session, _ = opened(A)
        output = heard(session, 0.5, **reply)
        assert (output.texts, output.notes, session.state) == ([], [], State.SUBSCRIBING)


class TestHeartbeat:
    def test_something_is_said_well_within_the_venues_rule_whatever_happens(self):
        session = live(A)
        said = [0.0]
        for number in range(1, 3000):
            now = number * 0.1
            session.saw("trade", now, number)
            if session.tick(now).texts:
                said.append(now)
        pauses = [later - earlier for earlier, later in pairwise(said)]
        assert max(pauses) < VENUE_CLOSES_AFTER_S / 2
        assert min(pauses) > PING_EVERY_S - 0.2

    def test_nothing_received_at_all_is_a_dead_socket(self):
        session = live(A)
        given_up = [
            (now, output.give_up) for now, output in tick_through(session, 0.0, 40.0) if output.give_up
        ]
        assert given_up[0][0] == pytest.approx(DEAD_AFTER_S, abs=0.2)
        assert given_up[0][1] == "nothing received for 30 s"

    @pytest.mark.parametrize("sign", ["push", "reply", "noise"])
    def test_anything_received_is_life(self, sign):
        session = live(A)
        for now in range(1, 60, 10):
            if sign == "push":
                session.saw("trade", float(now), now)
            elif sign == "reply":
                heard(session, float(now), id=0)
            else:
                session.alive(float(now))
            assert session.tick(now + 9.9).give_up is None

    def test_a_connection_that_is_down_has_nothing_to_say(self):
        session = Session([A])
        assert session.tick(1e6).texts == []
        session.dial()
        assert session.tick(1e6).give_up is None


def fed(seconds, every, *topics):
    """A live session whose trades came at a steady pace until `seconds`."""
    session = live(*topics)
    count = int(seconds / every)
    for number in range(1, count + 1):
        session.saw("trade", number * every, number)
        session.tick(number * every)
    return session, count * every


def watched(session, since, until):
    """(seconds of quiet before the silence was told, seconds before giving up), the socket being alive."""
    silence = None
    for number in range(int((until - since) * 10)):
        now = since + number / 10
        session.alive(now)
        output = session.tick(now)
        if any(note.kind == "silence" for note in output.notes):
            assert silence is None, "told twice"
            silence = now - since
        if output.give_up:
            return silence, now - since
    return silence, None


class TestSilence:
    def test_a_silent_stream_is_told_with_its_last_receive_and_asked_for_again(self):
        session, last = fed(100, 0.5, A, Topic("trade", "C"), B)
        session.saw("depth", last + 15, 1)
        output = next(o for _, o in tick_through(session, last, last + 21) if o.notes)
        assert noted(output)[0] == ("silence", {"stream": "trade", "last": 200})
        assert topics_of(output, "subscribe") == [["trade", "A"], ["trade", "C"]]
        assert methods(output) == ["subscribe.trade", "subscribe.trade", "ping"]
        assert session.state is State.SUBSCRIBING

    def test_a_stream_that_comes_back_is_watched_anew(self):
        session, last = fed(100, 0.5, A)
        silence, _ = watched(session, last, last + 25)
        assert silence is not None
        session.saw("trade", last + 25, 1)
        assert session.tick(last + 26).give_up is None
        again, end = watched(session, last + 25, last + 100)
        assert again == pytest.approx(silence, rel=0.3)
        assert end == pytest.approx(2 * silence, rel=0.3)

    def test_a_stream_that_never_came_is_told_and_asked_once_and_never_given_up(self):
        session = live(A)
        silence, end = watched(session, 0.0, 2000.0)
        assert silence == pytest.approx(UNKNOWN_AFTER_S, abs=0.2)
        assert end is None

    def test_a_busy_stream_does_not_cover_for_a_silent_one(self):
        session = live(A, B)
        told = []
        for second in range(1, 200):
            session.saw("depth", float(second), second)
            if second < 100:
                session.saw("trade", float(second), second)
            told += [
                note.fields["stream"] for note in session.tick(float(second)).notes if note.kind == "silence"
            ]
        assert told == ["trade"]

    def test_a_stream_whose_topics_are_all_refused_is_not_silent(self):
        session, output = opened(A)
        answer(session, output.texts[0], error="no")
        assert watched(session, 0.0, 59.0) == (None, None)

    def test_a_stream_that_was_not_wanted_meanwhile_was_not_silent(self):
        session, last = fed(100, 0.5, A, STATE)
        session.change([], [A], last)
        session.saw("state", last + 10_000, 1)
        session.change([Topic("trade", "C")], [], last + 10_000)
        output = session.tick(last + 10_001)
        assert output.give_up is None
        assert [note.kind for note in output.notes if note.fields.get("stream") == "trade"] == []


class TestRefused:
    def test_a_refused_topic_is_asked_for_again_after_a_minute(self):
        session, output = opened(A, B)
        answer(session, output.texts[0], 5.0, error="no")
        answer(session, output.texts[1], 5.0)
        asked = []
        for number in range(50, 1300):
            session.saw("depth", number / 10, number)
            found = session.tick(number / 10)
            if found.notes:
                asked.append((number / 10, topics_of(found, "subscribe")))
                answer(session, found.texts[0], number / 10, error="still no")
        assert [topics for _, topics in asked] == [[["trade", "A"]]] * 2
        times = [5.0, *(at for at, _ in asked)]
        assert [later - earlier for earlier, later in pairwise(times)] == pytest.approx(
            [RETRY_REFUSED_S] * 2, abs=0.2
        )

    def test_a_new_try_that_is_taken_ends_the_refusal(self):
        session, output = opened(A)
        answer(session, output.texts[0], 0.0, error="no")
        session.alive(60.5)
        again = session.tick(60.5)
        assert topics_of(answer(session, again.texts[0], 61.0), "confirmed") == [["trade", "A"]]
        assert session.state is State.LIVE

    def test_a_topic_refused_in_a_silent_stream_is_asked_for_once(self):
        session, last = fed(100, 0.5, A, Topic("trade", "C"))
        (request,) = [text for text in session.change([Topic("trade", "D")], [], last).texts if '"D"' in text]
        answer(session, request, last - 50, error="no")
        session.alive(last + 20.1)
        output = session.tick(last + 20.1)
        assert sorted(topics_of(output, "subscribe")) == [["trade", "A"], ["trade", "C"], ["trade", "D"]]

    def test_a_refused_topic_that_is_dropped_is_not_asked_for_again(self):
        session, output = opened(A, B)
        answer(session, output.texts[0], error="no")
        answer(session, output.texts[1])
        session.change([], [A], 1.0)
        session.saw("depth", 61.5, 1)
        assert topics_of(session.tick(61.5), "subscribe") == []


class TestChange:
    def test_a_live_connection_unsubscribes_then_subscribes_then_pings(self):
        session = live(A)
        output = session.change([B], [A], 1.0)
        assert methods(output) == ["unsubscribe.trade", "subscribe.depth", "ping"]
        assert [kind for kind, _ in noted(output)] == ["unsubscribe", "subscribe"]
        assert topics_of(output, "unsubscribe") == [["trade", "A"]]
        assert session.state is State.SUBSCRIBING
        answer(session, output.texts[1])
        assert session.state is State.LIVE

    def test_a_drop_alone_leaves_the_connection_live(self):
        session = live(A, B)
        assert methods(session.change([], [A], 1.0)) == ["unsubscribe.trade"]
        assert session.state is State.LIVE

    def test_a_dropped_topic_is_not_waited_for(self):
        session, output = opened(A, B)
        answer(session, output.texts[1])
        session.change([], [A], 1.0)
        assert session.state is State.LIVE
        assert not answer(session, output.texts[0]).notes

    def test_what_is_there_already_or_not_there_is_not_said(self):
        session = live(A)
        output = session.change([A], [B], 1.0)
        assert (output.texts, output.notes, session.state) == ([], [], State.LIVE)

    @pytest.mark.parametrize("state", [State.DOWN, State.DIALLING])
    def test_without_a_connection_changes_are_remembered_for_the_next(self, state):
        session = Session([A])
        if state is State.DIALLING:
            session.dial()
        output = session.change([B], [A], 1.0)
        assert (output.texts, output.notes, session.state) == ([], [], state)
        if state is State.DOWN:
            session.dial()
        assert topics_of(session.opened(2.0), "subscribe") == [["depth", "B"]]


class TestSigning:
    """The streams of an account come after a signature."""

    ORDER, ASSET = Topic("order"), Topic("asset")

    def signing(self, *topics):
        """A session that signs with a nonce of its own each time: (session, what it had to say)."""
        nonces = iter("abcdef")
        session = Session(topics, lambda: {"client_id": "me", "nonce": next(nonces)})
        session.dial()
        return session, session.opened(0.0)

    def test_it_is_signed_before_an_accounts_streams_are_asked_for(self):
        _, output = self.signing(A, self.ORDER, self.ASSET)
        assert methods(output) == ["sign", "subscribe.trade", "subscribe.order", "subscribe.asset", "ping"]
        assert json.loads(output.texts[0])["params"] == {"client_id": "me", "nonce": "a"}

    def test_public_streams_alone_are_not_signed_for(self):
        assert methods(self.signing(A)[1]) == ["subscribe.trade", "ping"]

    def test_each_connection_is_signed_anew(self):
        session, _ = self.signing(self.ORDER)
        session.lost()
        session.dial()
        assert json.loads(session.opened(1.0).texts[0])["params"]["nonce"] == "b"

    def test_what_was_refused_is_signed_for_again_after_a_minute(self):
        session, output = self.signing(self.ORDER)
        answer(session, output.texts[1], error={"code": 1, "msg": "not signed in"})
        session.alive(RETRY_REFUSED_S)
        assert methods(session.tick(RETRY_REFUSED_S + 1))[:2] == ["sign", "subscribe.order"]

    def test_a_signature_that_is_not_taken_is_told_with_the_venues_words(self):
        session, output = self.signing(self.ORDER)
        told = answer(session, output.texts[0], error={"code": 1_010_313, "msg": "signature error"})
        assert (told.denied.code, told.denied.message) == (1_010_313, "signature error")
        assert noted(told) == [("denied", {"code": 1_010_313, "error": "signature error"})]

    def test_the_documents_other_word_is_tried_where_a_venue_does_not_know_the_first(self):
        session, output = self.signing(self.ORDER)
        told = answer(session, output.texts[0], error={"code": 80_005, "msg": "unknown method"})
        assert (told.denied, told.notes, session.tick(1.0).texts) == (None, [], [])
        answer(session, output.texts[1], error={"code": 1, "msg": "not signed in"})
        asked = session.tick(2.0)
        assert methods(asked)[:2] == ["subscribe.sign", "subscribe.order"]
        told = answer(session, asked.texts[0], error={"code": 80_005, "msg": "unknown method"})
        assert told.denied.code == 80_005

    def test_a_signature_that_is_not_taken_is_made_anew_though_the_streams_are_confirmed(self):
        session, output = self.signing(self.ORDER)
        answer(session, output.texts[0], error={"code": 1_010_313, "msg": "signature error"})
        answer(session, output.texts[1])
        session.alive(RETRY_REFUSED_S)
        assert methods(session.tick(RETRY_REFUSED_S + 1))[:2] == ["sign", "subscribe.order"]

    @pytest.mark.parametrize("words", ["ip not allowed", {"code": 7, "msg": "not for you"}])
    def test_a_refusal_is_told_by_the_word_that_the_venue_knows_and_stays_with_it(self, words):
        """In a plain string, too; the other word, if it is tried, is unknown."""
        session, output = self.signing(self.ORDER)
        told = answer(session, output.texts[0], error=words)
        answer(session, output.texts[1], error="require auth")
        if told.denied is None:
            asked = session.tick(1.0)
            told = answer(session, asked.texts[0], error="method not found")
        assert told.denied.message in str(words)
        session.alive(RETRY_REFUSED_S)
        assert methods(session.tick(RETRY_REFUSED_S + 2))[:2] == ["sign", "subscribe.order"]

    def test_it_can_be_signed_anew_at_once(self):
        session, output = self.signing(self.ORDER)
        answer(session, output.texts[0], error={"code": 1_010_313, "msg": "timestamp expired"})
        answer(session, output.texts[1], error={"code": 1, "msg": "not signed in"})
        assert session.tick(1.0).texts == []
        session.sign_soon()
        assert methods(session.tick(2.0))[:2] == ["sign", "subscribe.order"]

    def test_one_that_is_taken_is_noted_without_a_word_of_it(self):
        session, output = self.signing(self.ORDER)
        told = answer(session, output.texts[0])
        assert (noted(told), told.denied) == ([("signed", {})], None)
        assert "nonce" not in repr(output.notes)

    def test_an_account_that_does_nothing_is_not_silent(self):
        session, output = self.signing(self.ORDER)
        answer(session, output.texts[-1])
        for second in range(0, 7_200, 5):
            session.alive(float(second))
            output = session.tick(float(second))
            assert set(methods(output)) <= {"ping"}
            assert output.give_up is None
