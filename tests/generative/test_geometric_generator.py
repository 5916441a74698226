import geometric_generator
from outcomes import kept


def test_with_transport_samples_fall_into_patches_by_their_areas(tmp_path):
    """Decoded by the chart alone, here an evened image, they clump."""
    numbers = geometric_generator.main(tmp_path, mesh="dumbbell", seeds=3, count=2000)
    assert numbers["conformal"]["chi_square_over_freedom"]["mean"] > 2.5
    assert numbers["conformal and transport"]["chi_square_over_freedom"]["mean"] < 1.4
    assert numbers["conformal and transport"]["p_value"]["mean"] > 0.02
    assert kept(tmp_path, "geometric_generator") == numbers
