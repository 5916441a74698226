import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshot.base.errors import GeometryError
from meshot.diagrams.domains import Box, Disk
from meshot.diagrams.power_diagram import power_diagram
from meshot.diagrams.sites import check_masses, check_sites, check_weights, merge
from meshot.transport.solve import solve_transport

SITES = np.array([[0.2, 0.1], [-0.3, 0.4], [0.2, 0.1], [0.0, -0.5], [-0.3, 0.4], [0.2, 0.1]])


@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), min_size=1, max_size=40))
def test_merged_sites_are_all_there_in_the_order_of_their_first(places):
    sites = np.array(places, dtype=float)
    first, place = merge(sites)
    assert (sites[first][place] == sites).all()
    assert len({tuple(site) for site in sites[first].tolist()}) == len(first) == len(set(places))
    assert first.tolist() == sorted(places.index(each) for each in set(places))


def test_zero_is_zero_whatever_its_sign():
    assert merge(np.array([[0.0, 1.0], [-0.0, 1.0]])).first.tolist() == [0]


# ---------------------------------------------------------------------------------------------------------------------
# duplicates


def test_duplicates_are_an_error_by_default():
    for solve in (solve_transport, power_diagram):
        with pytest.raises(GeometryError, match="coincide") as caught:
            solve(SITES)
        assert caught.value.ids == (0, 1, 2, 4, 5)


def test_merged_duplicates_are_one_site_with_the_sum_of_the_masses():
    masses = np.arange(1.0, 7.0)
    result = solve_transport(SITES, masses, tol=1e-10, duplicates="merge")
    assert result.cell_of_site.tolist() == [0, 1, 0, 2, 1, 0]
    assert result.problem.sites.tolist() == SITES[[0, 1, 3]].tolist()
    assert result.masses == pytest.approx([1 + 3 + 6, 2 + 5, 4])
    plain = solve_transport(SITES[[0, 1, 3]], [10.0, 7.0, 4.0], tol=1e-10)
    assert result.heights == pytest.approx(plain.heights)
    assert plain.cell_of_site.tolist() == [0, 1, 2]
    again = solve_transport(SITES, masses, heights=result.heights[result.cell_of_site], duplicates="merge")
    assert again.iterations == 0


def test_of_duplicates_in_a_diagram_the_first_of_the_heaviest_has_the_cell():
    weights = [0.0, 0.1, 0.2, 0.0, 0.1, 0.2]
    diagram = power_diagram(SITES, weights, duplicates="merge")
    plain = power_diagram(SITES[[1, 2, 3]], [0.1, 0.2, 0.0])
    assert diagram.empty.tolist() == [0, 4, 5]
    assert diagram.masses[[1, 2, 3]].tolist() == plain.masses.tolist()
    assert diagram.facets.tolist() == np.array([1, 2, 3])[plain.facets].tolist()
    assert np.sort(diagram.triangulation).tolist() == [[1, 2, 3]]
    assert np.isnan(diagram.centroids[[0, 4, 5]]).all()
    assert set(diagram.arcs[:, 0]) == {1, 2, 3}
    assert np.diff(diagram.polygons().starts).astype(bool).tolist() == (diagram.masses > 0).tolist()


def test_without_duplicates_merging_changes_nothing():
    sites = np.random.default_rng(0).random((40, 2))
    plain, merged = power_diagram(sites), power_diagram(sites, duplicates="merge")
    assert merged.masses.tolist() == plain.masses.tolist()
    assert merged.facet_ends.tolist() == plain.facet_ends.tolist()


def test_another_wish_is_refused():
    for solve in (solve_transport, power_diagram):
        with pytest.raises(ValueError, match='"error" or "merge"'):
            solve(SITES, duplicates="drop")


# ---------------------------------------------------------------------------------------------------------------------
# refusals: one sentence each, with the ids


@pytest.mark.parametrize(
    ("check", "value", "cause", "ids"),
    [
        (check_sites, 5.0, "shape", ()),
        (check_sites, [], "shape", ()),
        (check_sites, [[0, 0], [1]], "array of numbers", ()),
        (check_sites, "sites", "array of numbers", ()),
        (check_sites, [[0, 0], [1j, 0]], "array of numbers", ()),
        (check_sites, [[0, 0], [1, np.nan], [np.inf, 2]], "not finite", (1, 2)),
        (check_sites, [[1, 0], [2, 0], [1, 0]], "coincide", (0, 2)),
        (lambda m: check_masses(m, 3), [1, 2], "one for each site", ()),
        (lambda m: check_masses(m, 3), [1, -2, 0], "not positive", (1, 2)),
        (lambda m: check_masses(m, 3), [np.nan, 1, np.inf], "not positive", (0, 2)),
        (lambda m: check_masses(m, 2), [1e308, 1e308], "sum of the masses", ()),
        (lambda m: check_masses(m, 2), ["a", "b"], "array of numbers", ()),
        (lambda w: check_weights(w, 2), [[1, 2]], "2 finite numbers", ()),
        (lambda w: check_weights(w, 2), [1, np.nan], "weight that is not finite", (1,)),
        (lambda h: solve_transport(SITES[:2], heights=h), [1.0], "2 finite numbers", ()),
        (lambda h: solve_transport(SITES[:2], heights=h), [1.0, np.nan], "2 finite numbers", ()),
        (Disk, [np.nan, 0], "center", ()),
        (lambda r: Disk([0, 0], r), 1e-200, "area", ()),
        (lambda r: Disk([0, 0], r), 1e200, "area", ()),
        (lambda r: Disk([0, 0], r), 0.0, "radius", ()),
        (lambda r: Box([0, 0], [r, r]), 1e-200, "area", ()),
        (lambda r: Box([0, 0], [r, r]), 0.0, "above lower", ()),
    ],
)
def test_bad_input_is_refused(check, value, cause, ids):
    with pytest.raises(GeometryError, match=cause) as caught:
        check(value)
    assert caught.value.ids == ids
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("tol", [0.0, -1e-6, np.nan])
def test_a_tolerance_that_makes_no_sense_is_refused(tol):
    with pytest.raises(ValueError, match="tol must be positive"):
        solve_transport(SITES[:2], tol=tol)
