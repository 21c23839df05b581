"""`third_party_warnings` with several threads, and between the user's own filters."""

from __future__ import annotations

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from rldk.integrations.trl.releases.quiet import callers_warnings, third_party_warnings


@pytest.fixture
def filters():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ImportWarning)
        yield warnings.filters, list(warnings.filters)


def raises(category=UserWarning):
    try:
        warnings.warn("old", category, stacklevel=2)
    except category:
        return True
    return False


def test_threads_that_overlap_leave_the_filters_as_they_were(filters):
    first_is_in, second_is_in, first_is_out = (threading.Event() for _ in range(3))
    seen = {}

    def first():
        with third_party_warnings():
            first_is_in.set()
            assert second_is_in.wait(10)
            with callers_warnings():
                seen["code of the user, while the other thread runs TRL"] = raises()
            seen["TRL in the first"] = raises()
        first_is_out.set()

    def second():
        assert first_is_in.wait(10)
        with third_party_warnings():
            second_is_in.set()
            assert first_is_out.wait(10)
            seen["TRL in the second"] = raises()

    with ThreadPoolExecutor(2) as pool:
        for run in [pool.submit(first), pool.submit(second)]:
            run.result()
    assert seen == {
        "code of the user, while the other thread runs TRL": True,
        "TRL in the first": False,
        "TRL in the second": False,
    }
    now, before = filters
    assert warnings.filters is now
    assert now == before
    assert raises()


def test_a_catch_warnings_that_ends_later_leaves_nothing_behind(filters):
    entered, left = threading.Event(), threading.Event()

    def other():
        with third_party_warnings():
            entered.set()
            assert left.wait(10)

    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(other)
        assert entered.wait(10)
        with warnings.catch_warnings():
            left.set()
            run.result()
            assert warnings.filters == filters[1]
    assert warnings.filters is filters[0]
    assert warnings.filters == filters[1]


def test_only_what_would_raise_is_changed(filters):
    """What the user ignores stays ignored, what would raise is shown once, and later it raises again."""
    shown = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(warnings, "showwarning", lambda message, category, *_: shown.append(category))
        with third_party_warnings():
            for _ in range(3):
                assert not raises()
                assert not raises(ImportWarning)
    assert shown == [UserWarning]
    assert raises()
    assert not raises(ImportWarning)


def test_a_filter_that_the_users_code_sets_stays(filters):
    with third_party_warnings():
        with callers_warnings():
            assert warnings.filters == filters[1]
            warnings.simplefilter("error", ImportWarning)
            assert raises(ImportWarning)
        assert not raises(ImportWarning)
    assert raises(ImportWarning)
    assert len(warnings.filters) == len(filters[1]) + 1
