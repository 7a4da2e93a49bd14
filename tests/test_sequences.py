"""Sequences whose items are made when they are asked for."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest

from outsample.sequences import LazySequence


@dataclass(frozen=True, eq=False)
class Letters(LazySequence[list]):
    """A list of one letter each; every one that is made is counted."""

    text: str
    made: list

    def __len__(self):
        return len(self.text)

    def make(self, place):
        self.made.append(place)
        return [self.text[place]]


def test_an_item_is_made_once():
    """Asked for again, from whichever side, it is the same object."""
    letters = Letters("abc", [])
    assert letters[1] is letters[-2] is letters[np.int64(1)]
    assert letters.made == [1]
    assert list(letters) == [["a"], ["b"], ["c"]]
    assert sorted(letters.made) == [0, 1, 2]


def test_it_is_a_sequence():
    """Slices, membership, reversal and errors are those of a tuple."""
    letters = Letters("abcd", [])
    assert letters[1:3] == (["b"], ["c"])
    assert letters[::-2] == (["d"], ["b"])
    assert letters[9:] == ()
    assert ["c"] in letters
    assert next(reversed(letters)) == ["d"]
    for wrong in (4, -5):
        with pytest.raises(IndexError):
            letters[wrong]
    with pytest.raises(TypeError):
        letters["a"]
    assert not Letters("", [])


def test_what_was_made_does_not_travel():
    """A pickled one makes its items anew."""
    letters = Letters("abc", [])
    assert letters[0] == ["a"]
    again = pickle.loads(pickle.dumps(letters))
    again.made.clear()
    assert again[0] == ["a"]
    assert again.made == [0]


def test_a_fault_of_an_item_is_not_the_end():
    """An IndexError while an item is made is an error: the sequence is no shorter for it."""

    class Faulty(LazySequence[int]):
        def __len__(self):
            return 3

        def make(self, place):
            return [0, 1][place]

    with pytest.raises(IndexError):
        list(Faulty())
    assert Faulty()[:2] == (0, 1)
