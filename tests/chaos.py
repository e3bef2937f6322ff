"""Everything that goes wrong, at seeded random, against a real recorder; then the lake against the exchange.

    python tests/chaos.py                     # the long form: 100 SIGKILLs, then ten minutes of everything
    python tests/chaos.py --short --seed 7    # some twenty seconds
    python tests/chaos.py --kills 0 --minutes 5 --markets 20 --keep build/chaos

Each event is printed as it happens, then one table: what was claimed, what was looked at, whether it held.
Exit code 1 where something did not; the directory is kept then.
"""

import argparse
import contextlib
import json
import random
import shutil
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import chaos_check as check
import chaos_loss as loss
import chaos_minutes as minutes
import chaos_script as script
from chaos_check import Evidence
from chaos_lake import read_closed_days, read_lake
from chaos_record import OURS, candle_of, read_record
from chaos_stage import Stage

from recorder.exchange.endpoints import API_PREFIX
from recorder.journal.reader import Block, JournalReader, segments

CLAIMS = (
    check.every_trade_is_in_the_lake_as_sent_or_in_a_gap,
    check.every_book_sent_is_in_the_lake_or_in_a_gap,
    check.every_state_sent_is_in_the_lake_or_in_a_gap,
    check.nothing_is_in_the_lake_that_was_not_sent_or_answered,
    check.nothing_is_there_twice,
    check.what_a_gap_calls_repaired_is_there,
    minutes.every_closed_candle_is_the_venues_or_in_a_gap,
    minutes.a_minute_of_grade_a_was_received_whole_by_push,
    minutes.a_minute_of_grade_b_has_every_trade,
    minutes.undisturbed_minutes_that_were_delivered_whole_are_graded_a,
    check.the_venues_limits_were_kept,
    check.readers_saw_a_whole_lake_at_all_times,
    check.the_journal_is_whole_but_for_torn_tails,
    check.the_recorder_ended_only_when_it_was_told_to,
    loss.a_sigterm_costs_nothing,
    loss.a_sigkill_costs_a_tenth_of_a_second_at_most,
    check.publish_has_nothing_left,
    check.closed_days_are_compacted,
    check.the_lake_is_what_the_journal_makes,
)
SHOWN = 5
"""Offenders printed of each claim; a file has all of them."""
UNDISTURBING = ("up", "kill lake", "duplicates", "free", "go on", "compact", "kill compaction")
"""Events that must leave no trace in any grade."""
CATCH_UP_S = 120.0
"""How much longer than the script the run may last, for candles that wait to be asked for."""
LOOKBACK_S, SHORT_LOOKBACK_S = 3_600, 600
ASK_EVERY_S = 1.05
"""The venue's limit for candles is ours, too."""


def main(arguments=None):
    options = parsed(arguments)
    place = options.keep or Path(tempfile.mkdtemp(prefix="chaos-"))
    place.mkdir(parents=True, exist_ok=True)
    if any(place.iterdir()):
        raise SystemExit(f"{place} is not empty: give another --keep")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # through every `finally`: nothing is left behind
    say(f"seed {options.seed}, {options.markets} markets at rate {options.rate}, in {place}")
    evidence = played(options, place)
    failed = judged(evidence, place)
    if failed or options.keep:
        say(f"everything is in {place}")
    else:
        shutil.rmtree(place)
    return 1 if failed else 0


def parsed(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    parser.add_argument("--kills", type=int, default=100, help="SIGKILLs in a row at the beginning")
    parser.add_argument("--minutes", type=float, default=10.0, help="of everything, half a rest included")
    parser.add_argument("--markets", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1.0, help="activity of the markets")
    parser.add_argument("--short", action="store_true", help="the short form, with a few quiet markets")
    parser.add_argument("--no-disk", action="store_true", help="do not mount a small disk to fill")
    parser.add_argument("--keep", type=Path, default=None, help="an empty directory for everything")
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(10**6)
    if options.short:
        options.markets, options.rate, options.no_disk = 3, 0.3, True
    options.lookback = SHORT_LOOKBACK_S if options.short else LOOKBACK_S
    return options


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


# --- the run ---


def played(options, place):
    """Play the script; returns what there is to judge by."""
    plan = (
        script.short(options.seed)
        if options.short
        else script.long(options.seed, options.kills, options.minutes)
    )
    stage = Stage(
        place,
        markets=options.markets,
        rate=options.rate,
        seed=options.seed,
        lookback_s=options.lookback,
        faults=script.faults_of(plan),
        midnight_s=plan.midnight,
        disk=not options.no_disk,
    )
    with stage:
        begun = time.monotonic()
        if stage.no_disk:
            say(f"the disk is not filled: {stage.no_disk}")
        stage.start()
        stage.read_on()
        deaths = perform(plan, stage, begun)
        rest(plan, stage, begun)
        stage.done.stopped_ns = stage.now_ns()
        say(f"{time.monotonic() - begun:7.2f} s  the end: term ({stage.term()})")
        reader_code = stage.end_reader()
        with ThreadPoolExecutor(1) as pool:
            candles = pool.submit(asked_candles, stage)
            evidence = Evidence(None, None, stage.done, lookback_s=options.lookback, deaths=deaths)
            run_commands(stage, evidence)
            candles = candles.result()
        stage.end_exchange()
        gather(stage, evidence, candles)
    if reader_code:
        evidence.complaints.append((0, f"the reader ended with {reader_code}"))
    return evidence


def perform(plan, stage, begun):
    """Let every event happen at its time; returns the ends of the recorder that nobody asked for."""
    deaths = []
    for event in plan.events:
        time.sleep(max(0.0, begun + event.at - time.monotonic()))
        now = time.monotonic()
        if (code := stage.recorder.poll()) is not None:
            deaths.append(f"before {now - begun:.2f} s the recorder had ended with {code}: see recorder.log")
            stage.start()
        say(f"{now - begun:7.2f} s  {event}{did(event, stage)}")
        if event.kind not in UNDISTURBING:
            now_ns = stage.now_ns()
            stage.done.disturbed.append((now_ns, now_ns + int(event.lasts * 1e9)))
    return deaths


SAID = {
    "up": (Stage.up, " (it is not)"),
    "kill lake": (Stage.kill_lake, " (there was none)"),
    "compact": (Stage.compact, " (the one before is killed)"),
    "kill compaction": (Stage.kill_compaction, " (there was nothing to compact)"),
}
"""What is done of some kinds, and what is said where it returns False."""


def did(event, stage):
    """Do what is to be done; returns what is to be said of it."""
    if event.kind == "kill":
        age_s = time.monotonic() - stage.born_s
        stage.kill()
        stage.start()
        return f" ({age_s:.2f} s old)"
    if event.kind == "term":
        code = stage.term()
        stage.start()
        return f" ({code})"
    if event.kind in SAID:
        do, otherwise = SAID[event.kind]
        return "" if do(stage) else otherwise
    if event.kind in ("stop", "go on"):
        stage.signal(signal.SIGSTOP if event.kind == "stop" else signal.SIGCONT)
    elif event.kind == "step":
        stage.step(int(event.detail["offset"] * 1e9))
    elif event.kind in ("fill", "free"):
        if not stage.has_disk:
            return " (left out)"
        (stage.fill if event.kind == "fill" else stage.free)()
    return ""


def rest(plan, stage, begun):
    """Wait for the end of the script, and until the recorder has asked for every candle it wants."""
    time.sleep(max(0.0, begun + plan.stops_at - time.monotonic()))
    late = time.monotonic() + CATCH_UP_S
    while waiting(stage) and time.monotonic() < late:
        time.sleep(0.2)


def waiting(stage):
    """Whether the recorder has something to ask for still."""
    status = stage.status()
    if status is None or not status["rest"]["caught_up"]:
        return True
    return status["rest"]["candles_waiting"] > 0 or status["rest"]["deals_waiting"] > 0


def asked_candles(stage):
    """Every minute's candle that the venue gives, market by market, within its limits."""
    [segment] = {path.parent for path in (stage.data / "journal").rglob("*.jsonl.zst")}
    markets = json.loads((segment / "markets.json").read_text())
    candles = {}
    for market in markets:
        time.sleep(ASK_EVERY_S)
        query = urllib.parse.urlencode({"market": market, "type": "1min", **OURS})
        url = f"{stage.urls['REST']}{API_PREFIX}/market/kline?{query}"
        with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(url) as answer:  # noqa: S310
            for row in json.load(answer)["data"] or ():
                open_s, figures = candle_of(row)
                candles[market, open_s] = figures
    return candles


# --- the judgement ---


def run_commands(stage, evidence):
    """Publish what is left, which is nothing; compact what is over; make the lake again beside itself."""
    evidence.publish = stage.command("publish")
    evidence.compact = stage.command("compact")
    evidence.closed_days = read_closed_days(stage.data, stage.now_ns())
    if stage.command("rebuild", "--help")[0] == 0:
        evidence.verify = stage.command("rebuild", "--verify")


def gather(stage, evidence, candles):
    """Everything that was told and found."""
    evidence.told = read_record(stage.record)
    evidence.told.candles = candles
    evidence.found = read_lake(stage.data)
    read_journal(stage.data / "journal" / "main", evidence)
    for line in (stage.place / "reader.ndjson").read_text().splitlines():
        said = json.loads(line)
        if "complaint" in said:
            evidence.complaints.append((said["at"], said["complaint"]))
        evidence.rounds = said.get("rounds", 0)


def read_journal(directory, evidence):
    """What of it cannot be read, and when the first session began."""
    evidence.segments = len(segments(directory))
    for piece in JournalReader(directory).read(final=True):
        if not isinstance(piece, Block):
            evidence.damage.append((piece.segment, piece.reason))
        elif not evidence.started_ns:
            records = [json.loads(line) for line in piece.data.splitlines()]
            evidence.started_ns = next((r["t"] for r in records if r.get("e") == "start"), 0)


def judged(evidence, place):
    """Put every claim to the test and print the table; returns how many did not hold."""
    findings = [(claim.__name__.replace("_", " "), claim(evidence)) for claim in CLAIMS]
    width = max(len(name) for name, _ in findings)
    say("")
    for name, finding in findings:
        say(f"{'FAILED' if finding.offenders else 'holds '}  {name:{width}}  {finding.looked_at}")
    failed = [(name, finding.offenders) for name, finding in findings if finding.offenders]
    for name, offenders in failed:
        say(f"\n{name}: {len(offenders)} against it")
        for offender in offenders[:SHOWN]:
            say(f"  {offender}")
    (place / "offenders.json").write_text(json.dumps(dict(failed), indent=1))
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
