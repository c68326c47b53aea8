"""The model while it trains: a copy with a learnt temperature and bias."""

import copy
import math

import open_clip
import torch
from scipy.optimize import brentq
from scipy.special import expit
from torch.func import functional_call
from torch.nn import functional as F

from sklearn_clip.finetune._layers import keep_statistics


class TunedModel:
    """A model of open_clip with what turns rows and prompts into logits.

    The temperature and the bias are the model's own `logit_scale` and `logit_bias`, so
    that they are saved with it and known to whoever loads it.

    Parameters
    ----------
    model : Module
        Model of open_clip; it is changed.
    tokenizer : callable
        Texts to token ids of shape (n, context length).
    device : torch.device
        Where the model is put.
    max_scale : float
        Cap of the inverse temperature.
    """

    def __init__(self, model, tokenizer, device, max_scale):
        self.module = model.to(device)
        self.device = device
        self._tokenizer = tokenizer
        self._max_scale = max_scale
        pixels = open_clip.get_model_preprocess_cfg(model)
        mean, std = torch.tensor(pixels["mean"]), torch.tensor(pixels["std"])
        self._scale = (1 / (255 * std)).view(3, 1, 1).to(device)
        self._shift = (-mean / std).view(3, 1, 1).to(device)
        self._trims = _ignores_padding(model)

    def set_logits(self, temperature, bias):
        """Set temperature and bias.

        Parameters
        ----------
        temperature, bias : float
            The values.
        """
        scale = self.module.logit_scale
        start = torch.full_like(scale.data, -math.log(temperature))
        self.module.logit_scale = torch.nn.Parameter(start)
        shift = torch.full_like(scale.data, float(bias))
        self.module.logit_bias = torch.nn.Parameter(shift)

    def train(self, training=True):
        """Choose between training and evaluation mode.

        Parameters
        ----------
        training : bool, default=True
            Which one.
        """
        self.module.train(training)
        keep_statistics(self.module)

    def encode_images(self, batch):
        """Embed prepared pictures.

        Parameters
        ----------
        batch : Tensor
            Stack of what `Backbone.prepare_image` gives.

        Returns
        -------
        Tensor of shape (n, embedding_dim)
            Unit rows.
        """
        batch = batch.to(self.device, non_blocking=True)
        if batch.dtype == torch.uint8:
            batch = batch.permute(0, 3, 1, 2).float() * self._scale + self._shift
        return F.normalize(self.module.encode_image(batch).float(), dim=-1)

    def encode_texts(self, texts):
        """Embed texts, without the work on padding where it changes nothing.

        Parameters
        ----------
        texts : list of str
            The texts.

        Returns
        -------
        Tensor of shape (n, embedding_dim)
            Unit rows.
        """
        tokens = self._tokenizer(list(texts)).to(self.device)
        if not self._trims:
            return F.normalize(self.module.encode_text(tokens).float(), dim=-1)
        length = int((tokens != 0).any(0).nonzero().max()) + 1
        shorter = {
            "positional_embedding": self.module.positional_embedding[:length],
            "attn_mask": self.module.attn_mask[:length, :length],
        }
        found = functional_call(
            self.module, shorter, kwargs={"text": tokens[:, :length]}
        )
        vectors = found["text_features"] if isinstance(found, dict) else found[1]
        return F.normalize(vectors.float(), dim=-1)

    def encode_rows(self, batch):
        """Embed rows: pictures and captions, each as a unit vector, by their weights.

        Parameters
        ----------
        batch : Batch
            The rows.

        Returns
        -------
        Tensor of shape (n, embedding_dim)
            Unit rows.
        """
        weights = torch.from_numpy(batch.weights).to(self.device)[:, None]
        shown, said = batch.weights > 0, batch.weights < 1
        if not said.any():
            return self.encode_images(batch.pictures)
        texts = self.encode_texts(batch.captions)
        found = texts.new_zeros(len(batch), texts.shape[1])
        found = _add_rows(found, said, texts * (1 - weights[said]))
        if shown.any():
            images = self.encode_images(batch.pictures)
            found = _add_rows(found, shown, images * weights[shown])
        return F.normalize(found, dim=-1)

    def logits(self, rows, labels):
        """Score rows for labels.

        Parameters
        ----------
        rows : Tensor of shape (n, embedding_dim)
            Unit rows.
        labels : Tensor of shape (n_labels, embedding_dim)
            Unit rows.

        Returns
        -------
        Tensor of shape (n, n_labels)
            Cosine / temperature + bias.
        """
        scale = self.module.logit_scale.exp()
        return scale * (rows @ labels.T) + self.module.logit_bias

    @torch.no_grad()
    def cap(self):
        """Put the temperature back on its bound, after a step beyond it."""
        self.module.logit_scale.clamp_(max=math.log(self._max_scale))


def _add_rows(found, chosen, rows):
    """Add to the chosen rows; not in place, so that gradients go through."""
    numbers = torch.from_numpy(chosen.nonzero()[0]).to(found.device)
    return found.index_add(0, numbers, rows)


def copy_model(backbone):
    """Copy a loaded model, which others use, to train the copy.

    Parameters
    ----------
    backbone : Backbone
        The model, in fp32.

    Returns
    -------
    Module
        The copy.
    """
    return copy.deepcopy(backbone.model).float()


def matching_bias(cosines, targets, scale):
    """Find the bias with which probabilities are as high, in the mean, as targets.

    Raw cosines of right and wrong labels alike are positive, so that without it the
    first steps would teach nothing but the frequency of the labels.

    Parameters
    ----------
    cosines : ndarray of shape (n, n_labels)
        Similarities.
    targets : ndarray of shape (n, n_labels)
        0, 1 and NaN where unknown.
    scale : float
        Inverse temperature.

    Returns
    -------
    float
        The bias.
    """
    known = targets == targets
    scores = scale * cosines[known].astype("float64")
    share = targets[known].mean().clip(1e-3, 1 - 1e-3)
    reach = abs(scores).max() + 20
    return brentq(lambda bias: expit(scores + bias).mean() - share, -reach, reach)


def _ignores_padding(model):
    """Whether tokens behind the end of a text cannot change its embedding.

    It is so for CLIP's own text tower: a causal mask, zeros as padding, and the vector
    of the end token, which is the largest of all token ids.
    """
    return (
        type(model) is open_clip.CLIP
        and model.attn_mask is not None
        and model.text_pool_type == "argmax"
    )
