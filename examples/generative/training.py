"""Training of the networks for digits: an auto-encoder, a variational one to compare with, and a classifier."""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from networks import Classifier, decoder, encoder
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, cross_entropy, mse_loss

# Adam's rate and betas for the auto-encoders, as An et al. have them.
RATE, BETAS = 3e-3, (0.5, 0.999)
BATCH = 128


def fit(parameters: Iterable[Tensor], loss: Callable[..., Tensor], data: list[np.ndarray], epochs: int) -> float:
    """Minimize the mean of `loss` over batches of `data` by Adam, and return that of the last epoch."""
    tensors = [torch.from_numpy(each) for each in data]
    optimizer = torch.optim.Adam(parameters, RATE, BETAS)
    values: list[float] = []
    for _ in range(epochs):
        # a rest of less than two samples has no variance to normalize by
        batches = [part for part in torch.randperm(len(data[0])).split(BATCH) if len(part) > 1]
        values = []
        for part in batches:
            optimizer.zero_grad()
            value = loss(*(each[part] for each in tensors))
            value.backward()
            optimizer.step()
            values.append(value.item())
    return float(np.mean(values))


def train_autoencoder(images: np.ndarray, latent: int, epochs: int) -> tuple[nn.Module, nn.Module]:
    """Return encoder and decoder, trained together for `epochs`, and the decoder alone for half as many more.

    The second phase leaves the codes where they are, while the decoder learns to follow them.

    References
    ----------
    An et al., "AE-OT: a new generative model based on extended semi-discrete optimal transport", ICLR 2020.
    """
    code, picture = encoder(images.shape[1], latent), decoder(images.shape[1], latent)
    both = [*code.parameters(), *picture.parameters()]
    fit(both, lambda batch: mse_loss(picture(code(batch)), batch), [images], epochs)
    code.eval()

    def frozen(batch: Tensor) -> Tensor:
        with torch.no_grad():
            codes = code(batch)
        return mse_loss(picture(codes), batch)

    fit(picture.parameters(), frozen, [images], (epochs + 1) // 2)
    return code, picture.eval()


def train_vae(images: np.ndarray, latent: int, epochs: int) -> nn.Module:
    """Return the decoder, from standard normal codes, of a variational auto-encoder of the same architecture.

    References
    ----------
    Kingma and Welling, "Auto-encoding variational Bayes", ICLR 2014.
    """
    code, picture = encoder(images.shape[1], 2 * latent), decoder(images.shape[1], latent)

    def bound(batch: Tensor) -> Tensor:
        mean, log_variance = code(batch).chunk(2, dim=1)
        drawn = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        misfit = binary_cross_entropy(picture(drawn), batch, reduction="sum")
        divergence = (mean**2 + log_variance.exp() - log_variance - 1).sum() / 2
        return (misfit + divergence) / len(batch)

    fit([*code.parameters(), *picture.parameters()], bound, [images], epochs)
    return picture.eval()


def train_classifier(images: np.ndarray, labels: np.ndarray, epochs: int) -> Classifier:
    """Return a classifier of the ten digits."""
    classifier = Classifier(images.shape[1])
    fit(classifier.parameters(), lambda batch, digit: cross_entropy(classifier(batch), digit), [images, labels], epochs)
    return classifier.eval()
