"""Builds at the same time wait for each other."""

import threading
from pathlib import Path

import pytest

from publishing.locks import one_at_a_time


def test_second_holder_waits_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock, order = tmp_path / "new" / "lock", []

    def second() -> None:
        with one_at_a_time(lock):
            order.append("second")

    with one_at_a_time(lock):
        thread = threading.Thread(target=second, daemon=True)
        thread.start()
        thread.join(timeout=0.3)
        assert thread.is_alive()
        order.append("first")
    thread.join(timeout=5)
    assert order == ["first", "second"]
    assert "waiting for another build" in capsys.readouterr().err


def test_lock_is_left_after_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError), one_at_a_time(tmp_path / "lock"):
        raise RuntimeError
    with one_at_a_time(tmp_path / "lock"):
        pass
    assert not capsys.readouterr().err
