"""The model while it trains: a copy with a learnt temperature and bias."""

import copy
import math

import open_clip
import torch
from scipy.optimize import brentq
from scipy.special import expit
from torch.func import functional_call
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from sklearn_clip import embedding
from sklearn_clip.finetune._frozen_part import FrozenOutputs, KeptTexts
from sklearn_clip.finetune._layers import choose_format, keep_statistics
from sklearn_clip.finetune._splits import find_split, is_repeatable

# How near the vectors of a tower in two must come to those of the tower, as 1 - cosine.
_SPLIT_TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2, torch.float16: 1e-2}


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
        self._format = choose_format(model, device)
        self.module = model.to(device, memory_format=self._format)
        # The same weights, in passes that are faster.
        self._passes = embedding.with_fused_attention(self.module)
        self.device = device
        self._tokenizer = tokenizer
        self._max_scale = max_scale
        pixels = open_clip.get_model_preprocess_cfg(model)
        mean, std = torch.tensor(pixels["mean"]), torch.tensor(pixels["std"])
        self._scale = (1 / (255 * std)).view(3, 1, 1).to(device)
        self._shift = (-mean / std).view(3, 1, 1).to(device)
        self._trims = _ignores_padding(model)
        self._image_split = self._blank = self._texts = None

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
        for module in (self.module, self._passes):
            module.train(training)
            keep_statistics(module)

    def encode_images(self, batch):
        """Embed prepared pictures.

        Parameters
        ----------
        batch : Tensor or FrozenOutputs
            Stack of what `Backbone.prepare_image` gives, or what the frozen part made
            of it.

        Returns
        -------
        Tensor of shape (n, embedding_dim)
            Unit rows.
        """
        if isinstance(batch, FrozenOutputs):
            return F.normalize(self._finish_images(batch.values).float(), dim=-1)
        pixels = self._normalise(batch)
        return F.normalize(self._see(pixels).float(), dim=-1)

    def _see(self, pixels):
        """Run the image tower; CoCa would normalise, unless it is told not to."""
        return self._passes.encode_image(pixels, normalize=False)

    def _normalise(self, batch):
        """Bring prepared pictures to the device, as the floats that the model takes."""
        batch = batch.to(self.device, non_blocking=True)
        if batch.dtype == torch.uint8:
            batch = batch.permute(0, 3, 1, 2).float() * self._scale + self._shift
        return batch.contiguous(memory_format=self._format)

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
        if self._texts is not None:
            vectors = self._finish_texts(self._texts.look_up(texts))
        else:
            vectors = self._run_texts(self._tokenize(texts))
        return F.normalize(vectors.float(), dim=-1)

    def _tokenize(self, texts):
        """Turn texts into tokens, as far as they count."""
        tokens = self._tokenizer(list(texts))
        if self._trims:  # asked of a GPU, their length would wait for all it has to do
            tokens = tokens[:, : int(_lengths(tokens).max())]
        return tokens.to(self.device)

    def _run_texts(self, tokens):
        """Run the text tower."""
        if not self._trims:
            return self._passes.encode_text(tokens, normalize=False)
        length = tokens.shape[1]
        shorter = {
            "positional_embedding": self.module.positional_embedding[:length],
            "attn_mask": self.module.attn_mask[:length, :length],
        }
        found = functional_call(self._passes, shorter, (), {"text": tokens})
        return found["text_features"] if isinstance(found, dict) else found[1]

    def split_images(self, batch):
        """Part the image tower where what is trained begins, if that can be seen.

        Parameters
        ----------
        batch : Tensor
            Some prepared pictures, to try it on.

        Returns
        -------
        bool
            Whether it is in two: :meth:`begin_images` runs the frozen part, and
            :meth:`encode_images` takes what that gives.
        """
        pixels = self._normalise(batch)
        self._blank = pixels.new_zeros(()).expand(pixels.shape[1:])

        def run():
            return self._see(pixels)

        tower = {n: m for n, m in self._passes.named_modules() if _is_visual(n)}
        split = find_split(tower, run, len(pixels), (self._passes.visual, "proj"))
        if split is not None:
            self._image_split = split
            if not self._is_faithful(split, run, self._finish_images):
                self._image_split = None
        return self._image_split is not None

    def begin_images(self, batch):
        """Run the frozen part of the image tower.

        Parameters
        ----------
        batch : Tensor
            Stack of what `Backbone.prepare_image` gives.

        Returns
        -------
        Tensor of shape (n, ...)
            What it makes of the pictures.
        """
        pixels = self._normalise(batch)
        return self._image_split.begin(lambda: self._see(pixels))

    def _finish_images(self, values):
        values = values.to(self.device, non_blocking=True)
        if values.ndim == 4:  # as the weights of the convolutions are
            values = values.contiguous(memory_format=self._format)
        blank = self._blank.expand(len(values), *self._blank.shape)
        return self._image_split.finish(lambda: self._see(blank), values)

    def split_texts(self, texts, budget):
        """Part the text tower, and keep from now on what its frozen part gives.

        Parameters
        ----------
        texts : list of str
            Some texts, to try it on.
        budget : Budget
            What may be kept.
        """
        tokens = self._tokenize(texts)

        def run():
            return self._run_texts(tokens)

        tower = {
            n: m for n, m in self._passes.named_modules() if n and not _is_visual(n)
        }
        inner = getattr(self._passes, "text", None)
        owner = inner if isinstance(inner, torch.nn.Module) else self._passes
        place, length = (owner, "text_projection"), tokens.shape[1]
        split = find_split(tower, run, len(tokens), place, length)
        if split is None:
            return

        def begin(texts):
            tokens = self._tokenize(texts)
            values = split.begin(lambda: self._run_texts(tokens)).cpu()
            pairs = zip(values, tokens.cpu(), strict=True)
            if not self._trims or values.ndim != 3:
                return list(pairs)
            # No token sees those behind it: what is behind the end need not be kept.
            ends = _lengths(tokens).tolist()
            return [
                (value[:end].clone(), row[:end].clone())
                for end, (value, row) in zip(ends, pairs, strict=True)
            ]

        self._texts = KeptTexts(split, begin, budget)

        def finish(values):
            return self._finish_texts(begin(texts))

        if not self._is_faithful(split, run, finish):
            self._texts = None

    def _finish_texts(self, pairs):
        values, tokens = (
            pad_sequence(list(column), batch_first=True).to(self.device)
            for column in zip(*pairs, strict=True)
        )
        length = tokens.shape[1]
        return self._texts.split.finish(lambda: self._run_texts(tokens), values, length)

    @torch.no_grad()
    def _is_faithful(self, split, run, finish):
        """Try a split: it gives what the tower gives, and always the same."""
        if not is_repeatable(split):
            return False
        self.train()
        again = split.begin(run)
        self.train(False)
        expected, halfway = run().float(), split.begin(run)
        try:
            found = finish(halfway).float()
        except RuntimeError:  # zeros that are written to, or do not fit each other
            return False
        tolerance = _SPLIT_TOLERANCE[again.dtype]
        same = F.cosine_similarity(again.flatten(1).float(), halfway.flatten(1).float())
        near = F.cosine_similarity(found, expected)
        return bool((torch.cat([same, near]) >= 1 - tolerance).all())

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


def _is_visual(name):
    return name == "visual" or name.startswith("visual.")


def _lengths(tokens):
    """Count the tokens of each text, up to the last that is no padding."""
    places = torch.arange(1, tokens.shape[1] + 1, device=tokens.device)
    return ((tokens != 0) * places).max(dim=1).values


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
