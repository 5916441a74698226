import mode_grid
from outcomes import kept


def test_no_mode_is_lost_and_none_mixed(tmp_path):
    """Networks that have hardly been trained miss nearly all modes."""
    numbers = mode_grid.main(tmp_path, seeds=2, trained=1, steps=20)
    for mixture, modes in (("grid of 25", 25), ("ring of 8", 8)):
        transport = numbers[mixture]["transport"]
        assert transport["modes"] == {"mean": modes, "sd": 0}
        assert transport["high_quality_percent"]["mean"] >= 99.5
        assert transport["reverse_kl"]["mean"] <= 0.01
        assert transport["near_a_tear_percent"]["mean"] < 3
        mixing = numbers[mixture]["transport, nothing dropped"]
        assert mixing["high_quality_percent"]["mean"] < transport["high_quality_percent"]["mean"]
        assert numbers[mixture]["GAN"]["high_quality_percent"]["mean"] < 10
    assert kept(tmp_path, "mode_grid") == numbers
