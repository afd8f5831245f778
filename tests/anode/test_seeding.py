"""A seed gives the same numbers everywhere, and its streams know nothing of one another."""

import pytest
import torch

from anode.seeding import Stream, generator


def numbers(seed: int, stream: Stream, index: int = 0, count: int = 1000) -> torch.Tensor:
    return torch.rand(count, generator=generator(seed, stream, index), dtype=torch.float64)


@pytest.mark.parametrize("stream", list(Stream))
def test_same_seed_same_numbers(stream: Stream) -> None:
    assert torch.equal(numbers(7, stream, 2), numbers(7, stream, 2))


def test_a_seed_means_the_same_on_every_machine() -> None:
    """The first numbers of seed 0: if they change, so do all published results."""
    found = [numbers(0, stream, count=1).item() for stream in (Stream.DATA, Stream.WEIGHTS)]
    assert found == pytest.approx([0.041287939655185735, 0.1338297787941899], abs=1e-15)


def test_streams_seeds_and_indices_are_independent() -> None:
    """No two of them are alike or correlated."""
    rows = torch.stack(
        [
            numbers(seed, stream, index)
            for seed in (0, 1, 2, 10**9)
            for stream in Stream
            for index in (0, 1)
        ]
    )
    correlation = torch.corrcoef(rows) - torch.eye(len(rows), dtype=torch.float64)
    assert correlation.abs().max() < 5 / 1000**0.5


def test_ten_thousand_seeds_do_not_collide() -> None:
    states = {generator(seed, Stream.DATA).initial_seed() for seed in range(10_000)}
    assert len(states) == 10_000


def test_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    numbers(5, Stream.ORDER)
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize(("seed", "index"), [(-1, 0), (0, -2)])
def test_negative_seed_or_index_is_refused(seed: int, index: int) -> None:
    with pytest.raises(ValueError, match=f"must be .*, got {min(seed, index)}"):
        generator(seed, Stream.DATA, index)
