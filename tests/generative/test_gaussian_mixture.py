import gaussian_mixture
from outcomes import kept


def test_a_continuous_generator_bridges_the_gap_where_transport_is_torn(tmp_path):
    numbers = gaussian_mixture.main(tmp_path, seeds=1, steps=250)
    assert numbers["transport"]["between_percent"]["mean"] == 0
    assert numbers["transport"]["high_quality_percent"]["mean"] > 99.5
    assert numbers["WGAN"]["between_percent"]["mean"] > 10
    assert kept(tmp_path, "gaussian_mixture") == numbers
