"""The estimator that trains CLIP itself to tell labels, in words, from images."""

import os
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import nn

from sklearn_clip import embedding
from sklearn_clip._shared import (
    Interval,
    StrOptions,
    _fit_context,
    check_labelled_rows,
    own_modes,
)
from sklearn_clip.finetune._checks import check_cells, make_criterion
from sklearn_clip.finetune._fingerprint import fingerprint
from sklearn_clip.finetune._preparation import (
    DTYPES,
    fingerprinted_parameters,
    list_prompts,
)
from sklearn_clip.finetune._rows import image_weights
from sklearn_clip.finetune._saving import read_tokenizer
from sklearn_clip.finetune._training import MONITORS
from sklearn_clip.finetune._tuned_classifier import TunedClassifier
from sklearn_clip.finetune._tuned_copy import tune_copy
from sklearn_clip.fusion import Fusion


class CLIPFineTuner(TunedClassifier):
    r"""Fine-tune CLIP on labelled images and captions, with the labels in words.

    Both towers learn: the image tower sees the rows, the text tower the prompts of all
    labels and the captions of the rows, where they have any, and the logit of a label
    is its cosine, over a learnt temperature, plus a learnt bias. Since labels stay
    words, a tuned model also scores labels that it was not trained on, and its
    embeddings serve as features. It implements the method of MuMIC [1]_.

    Parameters
    ----------
    classes : list of str, or dict of str to str or list of str
        The labels in words: names, or names with descriptions that are used instead of
        them.
    model_name : str, default="ViT-B-32"
        Model of open_clip, by any name that :class:`CLIPFeaturizer` takes, those of
        the small models that ship included.
    pretrained : str or None, default="datacomp_xl_s13b_b90k"
        Tag or file of the weights, as for :class:`CLIPFeaturizer`.
    preprocess : dict, str or None, default=None
        What the weights are used with, as for :class:`CLIPFeaturizer`.
    templates : str or list of str, default="default"
        Where the labels are put, as for :class:`ZeroShotClassifier`. Every step draws
        one prompt per label; predictions average over all of them.
    image, text : str or None, default="image" and None
        Column (DataFrame) or key (dict) of the images and of the captions; None if X
        has none, or if they are not to be used.
    image_root : str, os.PathLike or None, default=None
        Folder put before relative image paths.
    fusion : {"mean", "image", "text"} or Fusion, default="mean"
        How the unit vectors of image and caption become the row that is compared with
        the prompts: their mean, with the weights of a :class:`MeanFusion`, or one of
        them. A row that lacks one of the two is the other, and without `text` the mean
        is the image.
    trainable : {"all", "last", "projection"}, default="all"
        What learns beside temperature and bias: all weights; the last block of either
        tower and what follows it; or the projections to the embedding. Statistics of
        batch normalisation never change.
    loss : str, type or Module, default="tempered_bce"
        A name of `sklearn_clip.losses.LOSSES`, or a loss over (logits, targets), which
        is a mean and has nothing to learn.
        ``"tempered_bce"`` is binary cross-entropy on the tempered logits, to which all
        other losses are applied as well.
    loss_params : dict or None, default=None
        Parameters of the loss.
    temperature : float, default=0.07
        Start of the temperature.
    bias : float or "auto", default="auto"
        Start of the bias. ``"auto"`` is that with which the probabilities of some
        training rows are as high, in the mean, as their targets.
    max_scale : float, default=100.0
        Cap of the inverse temperature.
    lr : float, default=1e-5
        Highest learning rate, that of the projections. Small models stand more.
    logit_lr : float, default=1e-2
        Learning rate of temperature and bias.
    layer_decay : float, default=0.8
        Factor of the learning rate with every block towards the input; 1 for none.
    weight_decay : float, default=0.1
        Decay of matrices in AdamW; vectors have none.
    warmup : float, default=0.1
        Share of the steps in which the rate rises; then it falls to 0 by a cosine.
    max_epochs : int, default=10
        Passes over the training rows.
    batch_size : int, default=32
        Images of one forward pass.
    accumulation : int, default=1
        Forward passes of one step: a step sees ``batch_size * accumulation`` rows. Its
        gradient is that of one batch, but for losses that compare the entries of a
        batch, which see those of one pass: ``"two_way"``, ``"soft_f1"``, and ``"zlpr"``
        where labels are unknown.
    max_grad_norm : float or None, default=1.0
        Bound of the norm of the gradient; None for none.
    crop : float or None, default=0.8
        Least share of its area that a random crop keeps of a picture; None for no crop.
    flip : bool, default=False
        Mirror half of the pictures. What is written in them is mirrored too.
    early_stopping : {"average_precision", "loss"} or None, default="average_precision"
        What is judged on validation rows after each epoch, macro mean average precision
        or the loss. Training stops when it has not improved for `patience` epochs, and
        the best epoch is restored. None trains to the end, on all rows.
    patience : int, default=3
        Epochs without improvement before training stops.
    validation_fraction : float, default=0.1
        Share of the rows that validate, unless `fit` is given others; one row at least
        is trained on.
    checkpoint_dir : str, os.PathLike or None, default=None
        Folder for a checkpoint after every epoch, one file per training, from which
        `fit` goes on when it is called again (see Notes).
    frozen_bytes : int, default=2**31
        Memory for what the frozen part of the model makes of the rows and prompts,
        which is then computed once and not in every epoch (see Notes); 0 keeps nothing.
    device : str or torch.device, default="auto"
        ``"auto"`` (CUDA, then MPS, then the CPU) or a torch device.
    precision : {"auto", "fp32", "bf16", "fp16"}, default="auto"
        Arithmetic of the forward pass in training, with fp32 weights, and of
        prediction. ``"auto"`` trains in what the device is fastest in: bf16 on GPUs
        that have it and on CPUs with AMX, fp16 on older GPUs with units for it, fp32
        elsewhere and on CPUs for models with a text tower narrower than 256.
    num_workers : int or "auto", default="auto"
        Threads that read and decode images; for a GPU processes, from 1,024 files and 4
        of them on. ``"auto"`` is up to 8 threads, or 16 processes.
    random_state : int, RandomState instance or None, default=None
        Seed of validation rows, order, prompts, crops and dropout.
    verbose : int, default=0
        1 shows a progress bar for every epoch.

    Attributes
    ----------
    label_names_ : ndarray of shape (n_labels,), dtype object
        The names.
    label_embeddings_ : ndarray of shape (n_labels, embedding_dim), dtype float32
        One unit vector per label.
    temperature_, bias_ : float
        What was learnt: logits are cosine / temperature + bias.
    history_ : list of dict
        Per epoch ``epoch``, ``train_loss``, ``valid_loss``,
        ``valid_average_precision``, ``temperature``, ``bias`` and ``seconds``; without
        validation rows neither of the two ``valid_``.
    best_epoch_ : int
        The epoch, counted from 1, of the weights.
    frozen_bytes_ : int
        Bytes that were kept during the training, of at most `frozen_bytes`.
    validation_rows_ : ndarray of int, or None
        The rows of X that were held out; None where there were none.
    loss_ : Module
        The loss, whose `activation` makes the probabilities.
    model_ : Module
        The tuned model of open_clip, in fp32 on the CPU.
    classes_ : ndarray of shape (n_labels, 2)
        0 and 1 for every label.

    See Also
    --------
    ZeroShotClassifier : Labels in words without training.
    CLIPFeaturizer : Frozen CLIP, for any classifier behind it.
    ThresholdOptimizer : Thresholds other than 0.5; give it rows the tuner has not seen.

    Notes
    -----
    The loop is a plain one and not skorch's. There a step sees one batch of rows; here
    it also sees the prompts of all labels, which belong to no row, at a rate that
    changes with every step and block, and may consist of several passes. And a
    checkpoint of skorch is several files, which a killed process leaves half written.

    A checkpoint is of one training: of the same data and parameters. One that had come
    to its end is not repeated. A loss of your own counts by its name and its values,
    not by its code. Remove the file when it is not needed.

    Where `trainable` is ``"last"`` or ``"projection"``, the frozen part of texts and
    validation rows is kept, up to `frozen_bytes`, and that of training rows where they
    are the same in every epoch: ``crop=None`` and ``flip=False``. What would need more
    is computed anew. The outcome is the same up to rounding.

    A dump holds the tuned weights, as safetensors. Loaded, it predicts on the device
    that is there.

    Thresholds, calibration and choices of C learnt on rows that the model was trained
    on are misled: it has memorised them. Hold rows out for these.

    References
    ----------
    .. [1] Wang et al., "MuMIC -- Multimodal Embedding for Multi-label Image
       Classification with Tempered Sigmoid", AAAI 2023. :arxiv:`2211.05232`

    Examples
    --------
    >>> import numpy as np
    >>> from PIL import Image
    >>> from sklearn_clip import CLIPFineTuner
    >>> X = [Image.new("RGB", (64, 64), color) for color in ("red", "blue")] * 4
    >>> Y = np.array([[1, 0], [0, 1]] * 4)
    >>> tuner = CLIPFineTuner(
    ...     ["red", "blue"], "clipart-tiny", lr=3e-4, max_epochs=4, batch_size=4,
    ...     early_stopping=None, device="cpu", random_state=0,
    ... ).fit(X, Y)
    >>> tuner.predict_proba(X[:2]).argmax(axis=1)
    array([0, 1])
    >>> tuner.predict_proba(X[:2], classes=["green", "yellow", "grey"]).shape
    (2, 3)
    """

    _parameter_constraints: dict = {
        "classes": ["array-like", dict],
        "model_name": [str],
        "pretrained": [str, None],
        "preprocess": [dict, str, None],
        "templates": [str, "array-like"],
        "image": [str, None],
        "text": [str, None],
        "image_root": [str, os.PathLike, None],
        "fusion": [str, Fusion],
        "trainable": [StrOptions({"all", "last", "projection"})],
        "loss": [str, type, nn.Module],
        "loss_params": [dict, None],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "bias": [StrOptions({"auto"}), Real],
        "max_scale": [Interval(Real, 0, None, closed="neither")],
        "lr": [Interval(Real, 0, None, closed="left")],
        "logit_lr": [Interval(Real, 0, None, closed="left")],
        "layer_decay": [Interval(Real, 0, 1, closed="right")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "warmup": [Interval(Real, 0, 1, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "accumulation": [Interval(Integral, 1, None, closed="left")],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "crop": [Interval(Real, 0, 1, closed="right"), None],
        "flip": ["boolean"],
        "early_stopping": [StrOptions(set(MONITORS)), None],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "checkpoint_dir": [str, os.PathLike, None],
        "frozen_bytes": [Interval(Integral, 0, None, closed="left")],
        "device": [str, torch.device],
        "precision": [StrOptions({"auto", *DTYPES})],
        "num_workers": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        classes,
        model_name="ViT-B-32",
        pretrained: Any = "datacomp_xl_s13b_b90k",
        *,
        preprocess=None,
        templates: Any = "default",
        image: Any = "image",
        text=None,
        image_root=None,
        fusion: Any = "mean",
        trainable="all",
        loss: Any = "tempered_bce",
        loss_params=None,
        temperature=0.07,
        bias: Any = "auto",
        max_scale=100.0,
        lr=1e-5,
        logit_lr=1e-2,
        layer_decay=0.8,
        weight_decay=0.1,
        warmup=0.1,
        max_epochs=10,
        batch_size=32,
        accumulation=1,
        max_grad_norm: Any = 1.0,
        crop: Any = 0.8,
        flip=False,
        early_stopping: Any = "average_precision",
        patience=3,
        validation_fraction=0.1,
        checkpoint_dir=None,
        frozen_bytes=2**31,
        device: Any = "auto",
        precision="auto",
        num_workers: Any = "auto",
        random_state=None,
        verbose=0,
    ):
        self.classes = classes
        self.model_name = model_name
        self.pretrained = pretrained
        self.preprocess = preprocess
        self.templates = templates
        self.image = image
        self.text = text
        self.image_root = image_root
        self.fusion = fusion
        self.trainable = trainable
        self.loss = loss
        self.loss_params = loss_params
        self.temperature = temperature
        self.bias = bias
        self.max_scale = max_scale
        self.lr = lr
        self.logit_lr = logit_lr
        self.layer_decay = layer_decay
        self.weight_decay = weight_decay
        self.warmup = warmup
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.accumulation = accumulation
        self.max_grad_norm = max_grad_norm
        self.crop = crop
        self.flip = flip
        self.early_stopping = early_stopping
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.checkpoint_dir = checkpoint_dir
        self.frozen_bytes = frozen_bytes
        self.device = device
        self.precision = precision
        self.num_workers = num_workers
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    @own_modes()
    def fit(self, X, y, *, X_val=None, y_val=None):
        """Train, after all that is given has been checked.

        Parameters
        ----------
        X : DataFrame, list or ndarray of n rows
            Rows in a form that :class:`CLIPFeaturizer` takes with the same `image` and
            `text`. Of a row with several images each epoch draws one.
        y : {array-like, sparse matrix, DataFrame} of shape (n, n_labels)
            0 and 1, and NaN where a label is unknown, in the order of `classes`. Rows
            of NaN alone are not trained on, unless the loss is none of this package.
        X_val : DataFrame, list or ndarray of m rows, or None, default=None
            Validation rows, for example of other groups. None takes a share of X.
        y_val : {array-like, sparse matrix, DataFrame} of shape (m, n_labels) or None, \
                default=None
            Their targets.

        Returns
        -------
        CLIPFineTuner
            The fitted classifier.

        Raises
        ------
        ValueError
            If parameters contradict each other or the data, or a row has nothing to
            learn from.
        ImageDecodeError
            If an image cannot be read.
        WeightsUnavailableError
            If the model is neither on this machine nor to be fetched.
        MemoryError
            If a batch does not fit on the GPU; the message says which one does.
        TypeError
            If a loss is none, or with `checkpoint_dir` holds what cannot be compared.
        FloatingPointError
            If the loss becomes infinite or NaN.
        """
        names, descriptions = embedding.read_classes(self.classes)
        templates = embedding.read_templates(self.templates)
        train = self._read(X, y, names, "X")
        valid = self._read_validation(X_val, y_val, names)
        make_criterion(self.loss, self.loss_params, train[1])  # fails here, if it does
        if self.checkpoint_dir is not None:
            fingerprint(**fingerprinted_parameters(self))  # fails here, if it does
        if 1 / self.temperature > self.max_scale * (1 + 1e-9):
            raise ValueError(
                f"temperature must be at least 1 / max_scale = {1 / self.max_scale:g}. "
                f"Got {self.temperature}."
            )
        device = embedding.resolve_device(self.device)
        backbone = embedding.load_backbone(
            self.model_name,
            self.pretrained,
            preprocess=self.preprocess,
            device="cpu",
            precision="fp32",
        )
        prompts = list_prompts(descriptions, templates)
        learnt = tune_copy(self, backbone, prompts, train, valid, device)
        parts = learnt["model_"], backbone.tokenizer, backbone.config
        encoder = self._make_encoder(*parts)
        labels = embedding.embed_prompts(encoder, descriptions, templates)
        learnt |= {
            "label_names_": np.array(names, dtype=object),
            "label_embeddings_": labels,
            "_templates": templates,
            "_tokenizer": backbone.tokenizer,
            "_config": backbone.config,
            "_tokenizer_files": read_tokenizer(backbone.tokenizer, backbone.config),
            "_encoder": (self._encoder_setting(), encoder),
        }
        # Together at the end: a fit that fails changes nothing of what was learnt.
        vars(self).update(learnt)
        return self

    def _read(self, X, y, names, what):
        """Check rows and targets; return cells and targets."""
        fusion, cells = self._split(X)
        targets = check_labelled_rows(X, y, names)
        check_cells(cells, self.image_root, fusion.modalities, what=what)
        image_weights(fusion, cells)  # fails here, if its weight is none
        return cells, targets.astype(np.float32)

    def _read_validation(self, X_val, y_val, names):
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be given together. Got one of them.")
        return None if X_val is None else self._read(X_val, y_val, names, "X_val")
