"""CLIP-Adapter: label prompts and a small trained map of the features."""

from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_clip._shared import Interval, StrOptions
from sklearn_clip.heads.few_shot._prompt_head import PromptHead, calibrate, unit_rows
from sklearn_clip.heads.networks._net import MultiLabelNet
from sklearn_clip.metrics import average_precision_per_label
from sklearn_clip.model_selection import MultiLabelStratifiedKFold

# Training starts from the slope of the zero-shot probabilities, within what the scale
# of a cosine head may be and steep enough to pass a gradient.
_SLOPES = (5.0, 100.0)
_N_FOLDS = 5
_PATIENCE = 15  # epochs without a better precision before the search ends
# With fewer positives to judge by, the epoch is chosen by chance. In six draws of clip
# art pictures, 20 rows (14 to 23 of them) lost up to 0.034 mAP against zero-shot, 40
# rows (43 to 55) nothing; nothing between was tried.
_ENOUGH_POSITIVES = 30


class CLIPAdapterClassifier(PromptHead):
    r"""Score labels by their prompts, over features that few labelled rows adapt.

    With the unit embedding f of a row, the score of label l is the cosine between its
    vector :math:`w_l` and

    .. math:: f' = (1 - \alpha) f + \alpha\,\mathrm{ReLU}(W_2\,\mathrm{ReLU}(W_1 f)).

    The label vectors start from the embeddings of the label prompts, so that training
    sets out from the zero-shot classifier. They, the two matrices, and the scale and
    offsets of the loss (binary cross-entropy) are learnt together. How long, the rows
    tell: every row is scored by an adapter that has not seen it, and training ends at
    the epoch of the best mean average precision. The classifier stays zero-shot if no
    epoch is better than that, or if there are fewer than 30 positives to judge by.

    That is ``probe=False``. By default nothing is trained but a linear probe, which is
    weighed against the prompts as in :class:`TipAdapterClassifier`, whose default this
    is too: in a fraction of the time, and never far below zero-shot or the probe alone.
    ``probe=True`` trains both.

    Parameters
    ----------
    label_embeddings : array-like of shape (n_labels, n_features)
        Embeddings of the labels in words, as for :class:`TipAdapterClassifier`.
    alpha : float, default=0.2
        Share of the adapted features in f', in [0, 1].
    reduction : int, default=4
        How many times narrower than the features the hidden layer is.
    n_epochs : int or "auto", default="auto"
        Passes over the rows, 0 for zero-shot. ``"auto"`` chooses among 0 to
        `max_epochs` by the held-out rows of five folds, and stops where 15 epochs
        have brought nothing better.
    max_epochs : int, default=40
        Most epochs that ``n_epochs="auto"`` tries.
    lr : float, default=1e-3
        Learning rate of AdamW.
    batch_size : int, default=64
        Rows per step.
    device : str or torch.device, default="auto"
        Where to train: ``"auto"`` (CUDA, then MPS, then the CPU) or a torch device.
        Prediction needs none.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds, the weights and the batches.
    background : Background or None, default=None
        General words that a label has to stand out from, as for
        :class:`TipAdapterClassifier`, here with f' for f.
    probe : bool or "auto", default="auto"
        Whether a linear probe of the rows joins the prompts, each with the weight that
        held-out rows give it. ``"auto"`` is yes where `n_epochs`
        is ``"auto"`` and some label has two positives, and no adapter is trained there;
        True trains both. False is the
        classifier without it.

    Attributes
    ----------
    n_epochs_ : int
        Epochs trained; 0 where the classifier is zero-shot.
    alpha_ : float
        Share of the adapted features in use: 0 where the classifier is zero-shot.
    validation_scores_ : ndarray of shape (n_tried + 1,)
        Mean average precision of the held-out rows after each epoch, zero-shot first,
        over labels with two positives. Defined if the adapter was trained, `n_epochs`
        is ``"auto"`` and there were 30 such positives.
    label_vectors_ : ndarray of shape (n_labels, n_features)
        The trained label vectors.
    prompt_weight_ : float
        Weight of the prompts' scores: 1 without a probe; with one, in units of the
        logit, and 0 where the prompts mean nothing to the encoder.
    probe_coef_ : ndarray of shape (n_labels, n_features) or None
        Coefficients of the probe, its weight multiplied in; None without a probe.
    probe_intercept_ : ndarray of shape (n_labels,) or None
        Its intercepts, which centre the scores of every label.
    down_, up_ : ndarray of shape (n_hidden, n_features) and (n_features, n_hidden)
        Matrices W1 and W2; empty where the classifier is zero-shot.
    slope_, intercept_, classes_, label_names_, n_features_in_, feature_names_in_
        As of :class:`TipAdapterClassifier`.

    See Also
    --------
    TipAdapterClassifier : The same from a memory of the rows, without training.
    sklearn_clip.heads.CLIPAdapterHead : The network, as ``MultiLabelNet("adapter")``,
        with other losses.

    Notes
    -----
    The paper keeps the label vectors as they are. Training them too was better in two
    draws of clip art pictures with 1, 4 and 16 positives a label: a mean average
    precision of 0.34, 0.38 and 0.48 against 0.32, 0.36 and 0.45, each at the best of
    the epochs looked at.

    The probabilities are calibrated on the scores of held-out rows; with a given
    number of epochs, on those of the rows trained on.

    References
    ----------
    .. [1] Gao et al., "CLIP-Adapter: Better Vision-Language Models with Feature
       Adapters", 2021. :arxiv:`2110.04544`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_clip.heads import CLIPAdapterClassifier
    >>> rng = np.random.default_rng(0)
    >>> prompts = np.eye(3, 16)
    >>> Y = (rng.random((60, 3)) < 0.4).astype(int)
    >>> X = Y @ np.eye(3, 16, k=1) + rng.normal(size=(60, 16)) / 4
    >>> model = CLIPAdapterClassifier(prompts, probe=False, random_state=0)
    >>> model.set_params(device="cpu").fit(X, Y).n_epochs_ > 0
    True
    >>> model.predict_proba(X).shape
    (60, 3)
    """

    _parameter_constraints: dict = {
        "label_embeddings": ["array-like"],
        "alpha": [Interval(Real, 0, 1, closed="both")],
        "reduction": [Interval(Integral, 1, None, closed="left")],
        "n_epochs": [StrOptions({"auto"}), Interval(Integral, 0, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "device": [str, torch.device],
        "random_state": ["random_state"],
        "background": "no_validation",  # read_background says it shorter
        "probe": ["boolean", StrOptions({"auto"})],
    }

    _dtype = (np.float32,)  # of the net

    def __init__(
        self,
        label_embeddings,
        *,
        alpha=0.2,
        reduction=4,
        n_epochs: Any = "auto",
        max_epochs=40,
        lr=1e-3,
        batch_size=64,
        device: Any = "auto",
        random_state=None,
        background=None,
        probe: Any = "auto",
    ):
        self.label_embeddings = label_embeddings
        self.alpha = alpha
        self.reduction = reduction
        self.n_epochs = n_epochs
        self.max_epochs = max_epochs
        self.lr = lr
        self.batch_size = batch_size
        self.device = device
        self.random_state = random_state
        self.background = background
        self.probe = probe

    def decision_function(self, X):
        """Score every label.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings.

        Returns
        -------
        ndarray of shape (n_samples, n_labels)
            Cosines, in [-1, 1], less what stands for the background, or with a probe
            logits; higher is more likely. See `predict_proba` for a scale that labels
            share.
        """
        check_is_fitted(self, "slope_")
        X = self._unit_rows(X)
        return self._with_probe(X, self._score(X, self.alpha_, *self._parts()))

    def _learn(self, X, positive, known):
        """Weigh the probe; choose the number of epochs and train on all rows."""
        self.__dict__.pop("validation_scores_", None)
        self.n_epochs_, self.alpha_, self.label_vectors_ = 0, 0.0, self._prompts
        self.down_ = np.empty((0, X.shape[1]), dtype=np.float32)
        self.up_ = self.down_.T
        own = self._stand_out(X, self._prompts)
        alone = (positive == 1) & (positive.sum(axis=0) == 1)
        if self.probe == "auto" and self.n_epochs == "auto":
            mixed = self._mix(X, own, positive, known)
            if mixed is not None:
                return mixed, known & ~alone
        self._leave_out_probe()
        held_out = self._train(X, own, positive, known)
        if self.probe is True:
            # Adapted scores of rows trained on would flatter them: with a given number
            # of epochs, the prompts stand for the adapter where the weights are learnt.
            prompted = own if held_out is None else held_out
            mixed = self._mix(X, prompted, positive, known)
            if mixed is not None:
                return mixed, known & ~alone
        if held_out is None:
            held_out = self._score(X, self.alpha_, *self._parts())
        return held_out, known

    def _train(self, X, own, positive, known):
        """Train the adapter; give held-out scores where epochs were chosen by them."""
        Y = np.where(known, positive, np.nan).astype(np.float32)
        start = calibrate(own, positive, known)
        rng = check_random_state(self.random_state)
        self.n_epochs_, held_out = self._choose(X, Y, start, rng)
        if self.n_epochs_:
            net = self._make_net(start, rng, max_epochs=self.n_epochs_)
            self.alpha_ = self.alpha
            self.down_, self.up_, self.label_vectors_ = _weights(net.fit(X, Y))
        return held_out

    def _choose(self, X, Y, start, rng):
        """Choose how many epochs; give them and the held-out scores after as many."""
        if self.n_epochs != "auto":
            return self.n_epochs, None
        positives = (Y == 1).sum(axis=0)
        useful = positives >= 2  # the only positive cannot be trained on and held out
        if positives[useful].sum() < _ENOUGH_POSITIVES:
            return 0, None
        folds = MultiLabelStratifiedKFold(
            min(_N_FOLDS, len(X)), random_state=rng.randint(2**31 - 1)
        )
        splits = list(folds.split(X, Y))
        nets = [self._make_net(start, rng, max_epochs=1) for _ in splits]
        scores, values, best = self._stand_out(X, self._prompts), [], 0
        for epoch in range(self.max_epochs + 1):
            if epoch:
                scores = np.empty_like(scores)
                for net, (train, test) in zip(nets, splits, strict=True):
                    net.partial_fit(X[train], Y[train])
                    scores[test] = _scores(net, X[test])
            found = average_precision_per_label(Y[:, useful], scores[:, useful])
            values.append(found.mean())
            if values[epoch] > values[best] or not epoch:
                best, kept = epoch, scores
            if epoch - best >= _PATIENCE:
                break
        self.validation_scores_ = np.array(values)
        return best, kept

    def _make_net(self, start, rng, *, max_epochs):
        slope, intercept = start
        return MultiLabelNet(
            "adapter",
            module__init=self._prompts,
            module__background=self._background,
            module__alpha=self.alpha,
            module__reduction=self.reduction,
            module__scale=float(np.clip(slope, *_SLOPES)),
            module__bias=intercept,
            lr=self.lr,
            max_epochs=max_epochs,
            batch_size=self.batch_size,
            early_stopping=None,
            callbacks="disable",
            device=self.device,
            random_state=rng.randint(2**31 - 1),
        )

    def _parts(self):
        return self.down_, self.up_, self.label_vectors_

    def _score(self, X, alpha, down, up, vectors):
        """Score adapted rows; they and the label vectors have length 1."""
        if alpha:
            hidden = np.maximum(X @ down.T, 0)
            X = unit_rows((1 - alpha) * X + alpha * np.maximum(hidden @ up.T, 0))
        return self._stand_out(X, vectors)


def _scores(net, X):
    """Score rows by a net as `CLIPAdapterClassifier._score` does by its weights.

    Computed by torch, as the training is: where NumPy's BLAS takes turns with it, the
    threads of each wait for work on the cores that the other needs.
    """
    module = net.module_
    with torch.inference_mode():
        logits = module(torch.as_tensor(X, device=module.vectors.device))
        return ((logits - module.bias) / module.log_scale.exp()).cpu().numpy()


def _weights(net):
    """W1, W2 and the label vectors of a trained net, as arrays."""
    module = net.module_
    parts = module.down.weight, module.up.weight, module.vectors
    down, up, vectors = (part.detach().cpu().numpy().copy() for part in parts)
    return down, up, unit_rows(vectors)
