import numpy as np
import pytest
import torch

import meshot
from meshot.base.errors import GeometryError, MeshReadError, OptionError
from meshot.generative.aeot import apply


def data(d=2, size=30):
    """Two clusters, embedded in twice as many coordinates."""
    rng = np.random.default_rng(0)
    sign = np.repeat([1, -1], size)
    codes = 0.1 * rng.uniform(-1, 1, (2 * size, d)) + np.outer(sign, np.eye(d)[0])
    return np.concatenate([codes, -codes], axis=1)


def encoder(rows):
    return rows[:, : rows.shape[1] // 2]


def decoder(codes):
    return np.concatenate([codes, -codes], axis=1)


def networks(d=2, hidden=4):
    torch.manual_seed(0)
    narrow = torch.nn.Sequential(torch.nn.Linear(2 * d, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, d))
    wide = torch.nn.Sequential(torch.nn.Linear(d, hidden), torch.nn.Dropout(0.5), torch.nn.Linear(hidden, 2 * d))
    return narrow, wide


@pytest.fixture(scope="module")
def fitted():
    return meshot.AEOT(encoder, decoder).fit(data(), theta=1.0)


def test_samples_are_new_and_stay_in_the_clusters(fitted):
    made = fitted.sample(500, rng=1)
    assert made.data.shape == (500, 4)
    assert np.array_equal(made.data[:, :2], made.codes)
    assert (np.abs(made.codes[:, 0]) > 0.89).all()
    assert np.array_equal(made.codes, fitted.map(made.source).points)
    assert np.array_equal(made.codes, fitted.sample(500, rng=1).codes)
    assert not fitted.sample(500, rng=1, reject=True).record.singular.any()


def test_a_path_marks_where_it_is_torn(fitted):
    path = fitted.path([-0.8, 0.3], [0.8, 0.3], steps=8)
    assert path.data.shape == (8, 4)
    assert path.torn.tolist() == [False] * 3 + [True] + [False] * 3
    jump = np.linalg.norm(np.diff(path.codes, axis=0), axis=1)
    assert jump.argmax() == 3
    assert jump[3] > 1.7 > 5 * np.delete(jump, 3).max()
    assert path.times[path.torn.argmax()] < path.crossings.times[path.crossings.singular][0] < 0.6
    assert not fitted.path([0.3, -0.3], [0.8, 0.3]).torn.any()


@pytest.mark.parametrize(
    ("d", "source", "exact"), [(2, "cube", True), (3, "cube", True), (2, "normal", False), (4, "cube", False)]
)
def test_cells_are_exact_where_they_can_be(d, source, exact):
    model = meshot.AEOT(encoder, decoder).fit(data(d, 12), source=source, samples=1 << 14)
    assert isinstance(model.transport, meshot.SampledTransport) is not exact
    assert model.sample(5).codes.shape == (5, d)


def test_equal_codes_share_a_cell():
    rows = data(size=5)
    model = meshot.AEOT(encoder, decoder).fit(np.concatenate([rows, rows]))
    assert len(model.map.sites) == 10
    assert np.allclose(model.transport.masses, 0.4)


def test_torch_modules_work_in_evaluation_mode_and_batches():
    narrow, wide = networks()
    narrow.train()
    model = meshot.AEOT(narrow, wide, batch=7).fit(data())
    assert narrow.training
    with torch.no_grad():
        codes = narrow(torch.tensor(data(), dtype=torch.float32)).numpy()
    assert np.allclose(model.map.sites, codes, atol=1e-6)
    assert np.array_equal(model.sample(20).data, model.sample(20).data)  # drop-out is off


def test_what_was_saved_comes_back(tmp_path):
    model = meshot.AEOT(*networks()).fit(data(), theta=1.1, criterion="normal", neighbors=2)
    model.save(tmp_path / "model")
    torch.manual_seed(5)
    again = meshot.AEOT.load(tmp_path / "model", *[fresh(network) for network in networks()])
    assert np.array_equal(again.sample(50, rng=2).data, model.sample(50, rng=2).data)
    assert (again.map.theta, again.map.criterion, again.map.neighbors) == (1.1, "normal", 2)
    assert {path.name for path in (tmp_path / "model").iterdir()} == {"map.npz", "encoder.pt", "decoder.pt"}


def fresh(network):
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    return network


@pytest.mark.parametrize(
    ("source", "d"),
    [
        (meshot.Disk([1, 2], 3.0), 2), (meshot.Ball([1, 2, 3], 2.0), 3), (meshot.StandardNormal(4), 4),
        (meshot.ConvexPolygon([[0, 0], [1, 0], [0, 1]]), 2), (meshot.Box([0, 0], [1, 2]), 2),
    ],
)  # fmt: skip
def test_sources_that_are_saved(source, d, tmp_path):
    model = meshot.AEOT(encoder, decoder).fit(data(d, 5), source=source, samples=1 << 13)
    model.save(tmp_path)
    again = meshot.AEOT.load(tmp_path, encoder, decoder)
    assert np.array_equal(again.sample(9).source, model.sample(9).source)
    assert np.array_equal(again.sample(9).data, model.sample(9).data)


def test_a_function_as_source_is_not_saved(tmp_path):
    def sampler(count, rng):
        return rng.uniform(-1, 1, (count, 2))

    model = meshot.AEOT(encoder, decoder).fit(data(2, 5), source=sampler, samples=1 << 13)
    assert model.sample(3).data.shape == (3, 4)
    with pytest.raises(OptionError, match="source that is a function"):
        model.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_files_that_do_not_belong_together(tmp_path):
    model = meshot.AEOT(*networks()).fit(data())
    with pytest.raises(MeshReadError, match=r"map\.npz does not exist"):
        meshot.AEOT.load(tmp_path, *networks())
    model.save(tmp_path)
    with pytest.raises(OptionError, match="the encoder has another architecture"):
        meshot.AEOT.load(tmp_path, *networks(hidden=5))
    with pytest.raises(OptionError, match="the encoder was saved as a torch module"):
        meshot.AEOT.load(tmp_path, encoder, decoder)
    (tmp_path / "encoder.pt").write_bytes((tmp_path / "decoder.pt").read_bytes())
    with pytest.raises(MeshReadError, match=r"encoder\.pt is not what was saved"):
        meshot.AEOT.load(tmp_path, *networks())
    content = (tmp_path / "map.npz").read_bytes()
    for damaged in (b"", b"map", content[: len(content) // 2]):
        (tmp_path / "map.npz").write_bytes(damaged)
        with pytest.raises(MeshReadError, match=r"map\.npz is no map of a generative model"):
            meshot.AEOT.load(tmp_path, *networks())
    np.savez(tmp_path / "map.npz", format=np.array(99))
    with pytest.raises(MeshReadError, match="its format is 99"):
        meshot.AEOT.load(tmp_path, *networks())


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (lambda rows: rows[:1, :2], "one row for each"),
        (lambda rows: rows[:, 0], r"codes of shape \(n, d\), got \(60,\)"),
        (lambda rows: np.where(np.arange(len(rows)) == 3, np.nan, 1.0)[:, None], r"not finite \(ids 3\)"),
    ],
)
def test_encoders_that_return_no_codes(bad, words):
    with pytest.raises(GeometryError, match=words):
        meshot.AEOT(bad, decoder).fit(data())


def test_what_makes_no_sense(fitted):
    with pytest.raises(OptionError, match="the decoder must be a torch module or a function, not a int"):
        meshot.AEOT(encoder, 3)
    with pytest.raises(OptionError, match="fit it to data, or load it"):
        meshot.AEOT(encoder, decoder).sample(3)
    with pytest.raises(OptionError, match='source must be "cube", "normal" or a domain'):
        meshot.AEOT(encoder, decoder).fit(data(), source="sphere")
    with pytest.raises(GeometryError, match="data must have shape"):
        meshot.AEOT(encoder, decoder).fit([])
    with pytest.raises(OptionError, match="steps must be"):
        fitted.path([0, 0], [1, 1], steps=1)
    with pytest.raises(GeometryError, match="points must have shape"):
        fitted.path([0, 0, 0], [1, 1, 1])
    with pytest.raises(GeometryError, match="points must be an array of numbers"):
        fitted.path([0, 0, 0], [1, 1])
    with pytest.raises(GeometryError, match="one row for each"):
        apply(lambda rows: 1.0, np.ones((3, 2)), 2)


def test_without_torch(monkeypatch):
    monkeypatch.setattr("meshot.base.settings.find_spec", lambda name: None)
    with pytest.raises(OptionError, match=r"AEOT needs torch: install meshot with its extra, meshot\[gpu\]"):
        meshot.AEOT(encoder, decoder)
