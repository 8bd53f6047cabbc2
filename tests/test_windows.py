"""What may still appear under an id, and whose turn it is: the calls of one client, one after another and together."""

from __future__ import annotations

from gemtune.flows.windows import Windows

A, B = ("p", "a"), ("p", "b")


def test_a_shorter_window_does_not_end_a_longer_one() -> None:
    windows = Windows()
    windows.note(A, 130.0, 100.0)
    assert windows.note(A, 110.0, 100.0) == 130.0, "what was known before comes back, to be restored"
    assert windows.left(A, 100.0) == 30.0


def test_what_proved_to_be_nothing_leaves_what_was_known_before() -> None:
    windows = Windows()
    windows.restore(A, windows.note(A, 130.0, 100.0))
    assert windows.left(A, 100.0) == 0.0
    windows.note(A, 130.0, 100.0)
    windows.restore(A, windows.note(A, 150.0, 100.0))
    assert windows.left(A, 100.0) == 30.0


def test_restoring_nothing_twice_is_nothing() -> None:
    windows = Windows()
    windows.restore(A, None)
    assert windows.ends == {}


def test_a_new_window_is_noted_where_others_stand() -> None:
    windows = Windows()
    windows.note(A, 130.0, 100.0)
    windows.note(B, 140.0, 100.0)
    assert (windows.left(A, 100.0), windows.left(B, 100.0)) == (30.0, 40.0)


def test_submissions_under_two_ids_do_not_wait_for_each_other() -> None:
    windows, one, other = Windows(), Windows(), Windows()
    assert windows.enter(A, one)
    assert windows.enter(B, other)
    assert not windows.enter(A, other)


def test_only_the_owner_gives_its_turn_back() -> None:
    windows, one, other = Windows(), Windows(), Windows()
    assert windows.enter(A, one)
    windows.leave(A, other)
    assert not windows.enter(A, other)
    windows.leave(A, one)
    assert windows.enter(A, other)
