"""A group of processes, without TRL: results, the first error, deaths, hangs, and what is left afterwards."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rldk_trl.processes.group import ProcessGroup
from rldk_trl.processes.reports import RankError, RanksHungError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills processes with POSIX signals")


@pytest.fixture
def group() -> Iterator[ProcessGroup]:
    made = ProcessGroup(2, {"OF_THE_GROUP": "yes"})
    yield made
    made.end()


def rank() -> int:
    return int(os.environ["RANK"])


def environment() -> dict[str, str | None]:
    print("in rank", rank())
    names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "OF_THE_GROUP")
    return {name: os.environ.get(name) for name in names} | {"pid": str(os.getpid())}


def test_each_rank_has_the_variables_of_torchrun_and_stays_for_the_next_run(group: ProcessGroup) -> None:
    first = group.run(environment, timeout_s=30)
    assert [each["RANK"] for each in first] == [each["LOCAL_RANK"] for each in first] == ["0", "1"]
    assert {each["WORLD_SIZE"] for each in first} == {"2"}
    assert len({each["MASTER_PORT"] for each in first}) == 1
    assert {each["OF_THE_GROUP"] for each in first} == {"yes"}
    assert group.outputs == ["in rank 0\n", "in rank 1\n"]
    assert group.run(environment, timeout_s=30) == first
    assert "OF_THE_GROUP" not in os.environ


class RefusedError(ValueError):
    """An exception that cannot be made from its message alone."""

    def __init__(self, code: int, *, why: str) -> None:
        super().__init__(f"refused with {code}: {why}")


def raise_after(seconds: dict[int, float]) -> None:
    time.sleep(seconds[rank()])
    raise ValueError(f"of rank {rank()}")


def raise_unpicklable() -> None:
    if rank() == 1:
        raise RefusedError(7, why="odd")


def exit_or_wait() -> None:
    if rank() == 0:
        sys.exit("rank 0 has seen enough")
    time.sleep(60)


def test_the_error_that_came_first_is_raised(group: ProcessGroup) -> None:
    with pytest.raises(ValueError, match="of rank 1") as caught:
        group.run(raise_after, {0: 0.6, 1: 0.1}, timeout_s=30)
    assert str(caught.value) == "of rank 1"  # a match sees the notes too
    assert caught.value.__notes__ == ["raised in rank 1 of 2"]
    assert "raise_after" in str(caught.value.__cause__)
    before = group.run(environment, timeout_s=30)
    assert before == group.run(environment, timeout_s=30)


def test_an_exception_that_cannot_be_pickled_is_still_told(group: ProcessGroup) -> None:
    with pytest.raises(RankError, match=r"^rank 1 of 2: .*RefusedError: refused with 7: odd$"):
        group.run(raise_unpicklable, timeout_s=30)


def test_ranks_that_wait_for_a_failed_one_are_stopped(group: ProcessGroup) -> None:
    group.run(environment, timeout_s=30)
    start = time.monotonic()
    with pytest.raises(SystemExit, match="rank 0 has seen enough"):
        group.run(exit_or_wait, timeout_s=50)
    assert time.monotonic() - start < 30  # it waits two seconds, not for the limit
    assert [each["RANK"] for each in group.run(environment, timeout_s=30)] == ["0", "1"]


def die() -> None:
    if rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def leave() -> None:
    if rank() == 0:
        os._exit(3)
    time.sleep(60)


def test_a_rank_that_dies_is_named(group: ProcessGroup) -> None:
    with pytest.raises(RankError, match=r"^rank 1 of 2 was killed by SIGKILL in die; the other ranks were stopped$"):
        group.run(die, timeout_s=50)
    with pytest.raises(RankError, match=r"^rank 0 of 2 ended with exit code 3 in leave; "):
        group.run(leave, timeout_s=50)


def start_a_child_and_hang(folder: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    (folder / str(rank())).write_text(str(child.pid))
    if rank() == 1:
        time.sleep(300)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def gone(pids: list[int]) -> bool:
    until = time.monotonic() + 20
    while any(is_running(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.1)
    return not any(is_running(pid) for pid in pids)


def test_a_hang_says_where_each_rank_was_and_leaves_no_process(group: ProcessGroup, tmp_path: Path) -> None:
    group.run(environment, timeout_s=30)
    expected = (
        r"^start_a_child_and_hang was not done after 5 s: "
        r"rank 0 done; rank 1 in start_a_child_and_hang \(test_processes\.py:\d+\)$"
    )
    with pytest.raises(RanksHungError) as caught:
        group.run(start_a_child_and_hang, tmp_path, timeout_s=5)
    assert re.search(expected, str(caught.value))
    assert "start_a_child_and_hang" in caught.value.__notes__[1]
    assert gone([int(file.read_text()) for file in tmp_path.iterdir()])


def test_a_function_that_no_other_process_can_find(group: ProcessGroup) -> None:
    def inner() -> None: ...

    for function in (inner, lambda: None):
        with pytest.raises(TypeError, match=r"cannot run in another process: define it with `def` at the top of a "):
            group.run(function, timeout_s=30)
    with pytest.raises(TypeError, match=r"^an argument of environment cannot be sent to another process: "):
        group.run(environment, inner, timeout_s=30)


PARENT = """
import sys, time
from pathlib import Path
sys.path.insert(0, {folder!r})
import test_processes
from rldk_trl.processes.group import ProcessGroup

if __name__ == "__main__":
    group = ProcessGroup(2, {{}})
    print(*(each["pid"] for each in group.run(test_processes.environment, timeout_s=30)), flush=True)
    time.sleep(300)
"""


def test_ranks_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT.format(folder=str(Path(__file__).parent)))
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2
    parent.kill()
    parent.wait()
    assert gone(pids)
