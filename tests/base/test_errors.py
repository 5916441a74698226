import pickle
import warnings

import numpy as np
import pytest

from meshot.base import errors
from meshot.base.errors import (
    ConvergenceError,
    GeometryError,
    MeshotError,
    MeshReadError,
    OptionError,
    TopologyError,
    format_ids,
)


@pytest.mark.parametrize("kind", [MeshReadError, TopologyError, GeometryError, OptionError, ConvergenceError])
def test_all_errors_are_meshot_errors_with_ids(kind):
    error = kind("two faces overlap", ids=np.array([4, 2]))
    assert isinstance(error, MeshotError)
    assert str(error) == "two faces overlap (ids 4, 2)"
    assert error.ids == (4, 2)
    assert all(type(i) is int for i in error.ids)


def test_without_ids_the_message_stands_alone():
    assert str(MeshotError("no faces")) == "no faces"
    assert MeshotError("no faces").ids == ()


def test_errors_survive_pickling():
    error = pickle.loads(pickle.dumps(GeometryError("flat", ids=[1, 5])))
    assert type(error) is GeometryError
    assert (str(error), error.ids) == ("flat (ids 1, 5)", (1, 5))


def test_long_lists_are_cut_and_counted():
    assert format_ids(range(10)) == "ids 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert format_ids(range(11)) == "ids 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... (11 in all)"
    assert format_ids([7, 8, 9], limit=2, of="faces") == "faces 7, 8, ... (3 in all)"


def test_the_warning_is_a_user_warning():
    assert issubclass(errors.ConvergenceWarning, UserWarning)
    assert not issubclass(errors.ConvergenceWarning, MeshotError)


def test_warnings_that_are_held_back_are_told_later_and_others_pass():
    with warnings.catch_warnings(record=True) as passed:
        warnings.simplefilter("always")
        with errors.held_back() as missed:
            warnings.warn("missed", errors.ConvergenceWarning, stacklevel=1)
            warnings.warn("passes", RuntimeWarning, stacklevel=1)
    assert [str(each.message) for each in passed] == ["passes"]
    with pytest.warns(errors.ConvergenceWarning, match="^missed$"):
        errors.tell(missed)


def test_warnings_held_back_raise_only_when_they_are_told():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with errors.held_back() as missed:
            warnings.warn("missed", errors.ConvergenceWarning, stacklevel=1)
        with pytest.raises(errors.ConvergenceWarning):
            errors.tell(missed)
