"""The lake's process as a child: its failures cost time, never the recording."""

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from journals import Lake, Recorder, book, trade
from venue import until

from recorder import lake_process
from recorder.lake_process import LakeProcess


async def test_a_process_that_cannot_be_started_is_told_and_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(lake_process.sys, "executable", str(tmp_path / "nowhere"))
    lake = LakeProcess(tmp_path, 1.0, {})
    keeper = asyncio.create_task(lake.keep())
    await until(lambda: lake.last_error is not None)
    assert "cannot be started" in lake.last_error
    assert not keeper.done()
    assert await lake.finish() is False
    keeper.cancel()


async def test_a_process_that_dies_is_started_again(tmp_path):
    recorder = Recorder(tmp_path)
    recorder.session(("trade", "AAA"))
    lake = LakeProcess(tmp_path, 0.5, {})
    keeper = asyncio.create_task(lake.keep())
    await until(lambda: lake.alive)
    first = lake._process
    first.kill()
    await until(lambda: lake._process is not first and lake.alive)
    recorder.frames(trade("AAA", 1)).stop()
    keeper.cancel()
    assert await lake.finish() is True
    assert len(Lake(tmp_path).rows("trades")) == 1


async def test_the_credentials_are_not_in_its_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("RECORDER_CLIENT_KEY", "key-of-tests")
    lake = LakeProcess(tmp_path, 0.5, {})
    keeper = asyncio.create_task(lake.keep())
    await until(lambda: lake.alive)
    told = await asyncio.to_thread(Path(f"/proc/{lake._process.pid}/environ").read_bytes)
    keeper.cancel()
    assert await lake.finish() is True
    assert b"PATH=" in told
    assert b"key-of-tests" not in told


async def test_it_ends_with_its_parent_although_another_recorder_records(tmp_path):
    """The pipe's end is the parent's: the lake is free for the next one."""
    recorder = Recorder(tmp_path)
    recorder.session(("trade", "AAA")).frames(trade("AAA", 1))
    command = [sys.executable, "-P", "-m", "recorder.lake_worker", str(tmp_path), "3600"]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: ASYNC220  # it only starts one
    await until((tmp_path / "manifest.sqlite").exists)
    worker.stdin.close()
    await until(lambda: worker.poll() == 0)
    assert len(Lake(tmp_path).rows("trades")) == 1
    recorder.stop()


async def test_it_removes_what_has_been_kept_for_long_enough_and_says_so(tmp_path):
    recorder = Recorder(tmp_path)
    recorder.session(("trade", "AAA"), ("depth", "AAA"))
    recorder.frames(trade("AAA", 1), book("AAA", 1_723_161_255_000))  # of 2024
    lake = LakeProcess(tmp_path, 0.5, {"depth": timedelta(days=30)})
    keeper = asyncio.create_task(lake.keep())
    await until(lambda: (tmp_path / "lake" / "removed").is_dir() and Lake(tmp_path).rows("removed"))
    assert Lake(tmp_path).rows("removed", "removed, rows") == [("depth", 1)]
    assert Lake(tmp_path).rows("depth") == []
    assert len(Lake(tmp_path).rows("trades")) == 1
    recorder.stop()
    keeper.cancel()
    assert await lake.finish() is True
