"""The transformer: wires rows, images, backbone, store and fusion together."""

import os
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from sklearn_clip import embedding
from sklearn_clip._shared import (
    Interval,
    StrOptions,
    _fit_context,
    warn_of_row_order,
)
from sklearn_clip.fusion import ConcatFusion, Fusion, ImageFusion, make_fusion
from sklearn_clip.fusion._fusions import check_fused, name_plain_preset


class CLIPFeaturizer(TransformerMixin, BaseEstimator):
    r"""Turn rows of images and texts into CLIP features.

    Every distinct image and text is encoded once per session, whatever happens around
    this transformer: clones, folds, candidates of a grid search, other fusions, the
    workers of ``n_jobs > 1``.

    Parameters
    ----------
    model_name : str, default="ViT-B-32"
        Model of open_clip: one of its names, ``"hf-hub:org/repo"``,
        ``"local-dir:/a/folder"``, or ``"photo-tiny"`` (photographs) or
        ``"clipart-tiny"`` (drawings), the small models that ship with this package
        and need no network.
    pretrained : str or None, default="datacomp_xl_s13b_b90k"
        open_clip's tag of the weights, or a file of weights. Not used where
        `model_name` stands for the weights too; only there it may be None.
    preprocess : dict, str or None, default=None
        What the weights are used with, as a dict of some of ``mean``, ``std``,
        ``interpolation``, ``resize_mode``, ``size``, ``fill_color`` and ``quick_gelu``
        (the activation), or as a tag of `model_name` whose settings are taken. It goes
        before what the tag or the folder says. A file of weights has no tag: None takes
        what all tags of `model_name` agree on, and raises an error where they do not.
    image, text : str, int or None, default="image" and "text"
        Column (DataFrame) or key (dict) of each modality; None if X has none. Of pairs,
        numbers are the positions, 0 and 1.
    image_root : str, os.PathLike or None, default=None
        Folder put before relative image paths.
    features : {"embedding", "penultimate"}, default="embedding"
        What the towers give: the embedding in the space that images and texts share,
        or the vector before the last projection into it, which CLIP's linear probes are
        fitted on. It is often longer (768 numbers in place of 512 for ViT-B-32), and of
        an image and a text it may have different lengths; they then cannot be compared.
        A tower without a projection gives its embedding.
    fusion : str, Fusion or callable, default="concat"
        How image vector i and text vector t become one row: ``"image"``, ``"text"``,
        ``"concat"`` [i, t], ``"mean"``, ``"max"``, ``"product"`` p, which is i * t
        scaled to the norm of i and t, ``"concat_product"`` [i, t, p],
        ``"interaction"`` [i, t, p, \|i - t\|, cos], an object of
        `sklearn_clip.fusion`, or a function of two (n, d) arrays.
        All but the first three presets need vectors of one length. A modality that the
        fusion does not need is neither required nor encoded, nor is its tower loaded.
    normalize : bool, default=True
        L2-normalise each modality before fusion.
    missing : {"zero", "raise"}, default="zero"
        What a missing item becomes (None, NaN, pandas' NA, an empty text or list): the
        zero vector, or a ValueError.
    add_missing_indicator : bool, default=False
        Append one 0/1 column for each modality that the fusion needs, which is 1 where
        the item is missing, or is an image that cannot be read.
    on_error : {"raise", "zero", "nan"}, default="raise"
        What an image that cannot be read becomes: an `ImageDecodeError`, or a vector of
        zeros (as if it were missing) or NaN, with one warning and an entry in
        `failed_rows_`. Where a cell has several images, those that can be read are
        averaged, and only a cell that is left with none is filled.
    long_text : {"truncate", "mean"}, default="truncate"
        What happens to a text beyond the model's context length: it is cut (the end
        token is kept), or encoded in pieces whose vectors are averaged.
    regions : {"2x2", "3x3", "pyramid", "tokens"} or None, default=None
        Parts of each picture that get vectors of their own behind that of the whole:
        four or nine overlapping tiles, or these four and then these nine, each encoded
        as a picture of its own, at as many forward passes more; or the places that the
        image tower sees in one pass. A row is then [image, region 1, ..., region r]
        and, of ``"concat"``, the text; other fusions are refused.
    device : str or torch.device, default="auto"
        ``"auto"`` (CUDA, then MPS, then the CPU) or a torch device.
    engine : {"auto", "torch", "onnxruntime", "openvino"}, default="auto"
        What runs the model on a CPU. ``"auto"`` takes the best of what is installed, as
        it was measured for the kind of CPU: OpenVINO, where
        ``pip install "sklearn-clip[openvino]"`` brought it; on x86 without units for
        bf16 or 8 bits ONNX Runtime (``[onnx]``) after it; else torch. GPUs are torch's.
        A tower is prepared for another engine once per machine, and kept in
        the user's cache; one that cannot be stays with torch.
    precision : {"auto", "fp32", "bf16", "fp16", "int8"}, default="auto"
        Arithmetic of the model. ``"auto"`` is the fastest of what the device has units
        for (bf16 or fp16 on GPUs, 8 bits and bf16 on CPUs), wherever the worst of
        varied items has a cosine of at least 0.999 to fp32, and fp32 elsewhere. 8 bits
        are OpenVINO's, and refused below that.
    batch_size : int or "auto", default="auto"
        Items of one forward pass. It is halved when the device runs out of memory.
    num_workers : int or "auto", default="auto"
        Threads that read and decode images; for a GPU processes, from 1,024 files and 4
        of them on. ``"auto"`` is up to 8 threads, or 16 processes.
    cache : "auto", str, os.PathLike, EmbeddingStore or None, default="auto"
        Where embeddings are kept: for this session, in a folder that stays, or nowhere.
    verbose : int, default=0
        Above 0, shows a progress bar, and says what is prepared once.

    Attributes
    ----------
    embedding_dim_ : int
        Length of one image or text vector; that of an image where `fusion` needs both
        and ``features="penultimate"`` gives texts another.
    model_fingerprint_ : str
        Digest of the weights and the architecture.
    arithmetic_ : dict of str to str, or None
        What ran each tower that this object last used: the engine, its version and its
        precision as it was really done, or for torch the precision alone. None before
        anything was embedded, and in a copy or a pickle.
    failed_rows_ : list of tuple (row, source, reason)
        The images of the last call that could not be read; where several threads use
        one object, of the call that ended last. It is there after the first call that
        embeds something, and does not travel in pickles.

    See Also
    --------
    sklearn_clip.fusion : The fusions as objects with parameters.
    sklearn_clip.ThresholdOptimizer : Turns scores into labels.

    Notes
    -----
    X may be a DataFrame (pandas or polars), a list of dicts, a list of (image, text)
    pairs or an object array of shape (n, 2); with ``text=None`` or ``image=None`` also
    a list, Series or 1-D array of images or texts, or an array (n, h, w, 3). An image
    is a path, encoded bytes, a `PIL.Image.Image`, or an array or tensor of uint8 or
    uint16; a cell may hold a list of images, whose embeddings are averaged.

    A pickle holds neither weights nor embeddings: it names the model and keeps its
    fingerprint and one probe embedding, which are checked when it is first used again.

    References
    ----------
    .. [1] Radford et al., "Learning Transferable Visual Models From Natural Language
       Supervision", 2021. :arxiv:`2103.00020`

    Examples
    --------
    >>> from PIL import Image
    >>> from sklearn_clip import CLIPFeaturizer
    >>> X = [(Image.new("RGB", (64, 64), "red"), "a red square"), (None, "a cat")]
    >>> CLIPFeaturizer("clipart-tiny", fusion="concat").fit_transform(X).shape
    (2, 768)
    """

    _parameter_constraints: dict = {
        "model_name": [str],
        "pretrained": [str, None],
        "preprocess": [dict, str, None],
        "image": [str, Integral, None],
        "text": [str, Integral, None],
        "image_root": [str, os.PathLike, None],
        "features": [StrOptions({"embedding", "penultimate"})],
        "fusion": [str, Fusion, callable],
        "normalize": ["boolean"],
        "missing": [StrOptions({"zero", "raise"})],
        "add_missing_indicator": ["boolean"],
        "on_error": [StrOptions({"raise", "zero", "nan"})],
        "long_text": [StrOptions({"truncate", "mean"})],
        "regions": [StrOptions(set(embedding.REGIONS)), None],
        "device": "no_validation",  # torch knows its devices, and is loaded at use
        "engine": [StrOptions({"auto", "torch", "onnxruntime", "openvino"})],
        "precision": [StrOptions({"auto", "fp32", "bf16", "fp16", "int8"})],
        "batch_size": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "num_workers": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "cache": [str, os.PathLike, embedding.EmbeddingStore, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        model_name="ViT-B-32",
        pretrained: Any = "datacomp_xl_s13b_b90k",
        *,
        preprocess=None,
        image: Any = "image",
        text: Any = "text",
        image_root=None,
        features="embedding",
        fusion: Any = "concat",
        normalize=True,
        missing="zero",
        add_missing_indicator=False,
        on_error="raise",
        long_text="truncate",
        regions=None,
        device: Any = "auto",
        engine="auto",
        precision="auto",
        batch_size: Any = "auto",
        num_workers: Any = "auto",
        cache: Any = "auto",
        verbose=0,
    ):
        self.model_name = model_name
        self.pretrained = pretrained
        self.preprocess = preprocess
        self.image = image
        self.text = text
        self.image_root = image_root
        self.features = features
        self.fusion = fusion
        self.normalize = normalize
        self.missing = missing
        self.add_missing_indicator = add_missing_indicator
        self.on_error = on_error
        self.long_text = long_text
        self.regions = regions
        self.device = device
        self.engine = engine
        self.precision = precision
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.cache = cache
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Check the parameters and the form of X; nothing is learned or loaded.

        Parameters
        ----------
        X : DataFrame, list or ndarray
            Rows, see Notes.
        y : object or None
            Targets, of which nothing is learned; a table that has the index of X in
            another order brings a warning.

        Returns
        -------
        CLIPFeaturizer
            The fitted transformer.

        Raises
        ------
        TypeError, ValueError
            If X has none of the accepted forms.
        """
        self._split(X)
        warn_of_row_order(X, y)
        self.__dict__.pop("_model_record", None)  # of an earlier fit, perhaps
        self.__dict__.pop("_checked", None)
        return self

    def transform(self, X):
        """Embed and fuse rows.

        Parameters
        ----------
        X : DataFrame, list or ndarray of n rows
            Rows, see Notes.

        Returns
        -------
        ndarray of shape (n, k), dtype float32
            The features, C-contiguous, in the order of X.

        Raises
        ------
        ImageDecodeError
            If an image cannot be read and ``on_error="raise"``.
        WeightsUnavailableError
            If the model is neither on this machine nor to be fetched.
        ModelMismatchError
            If the model is not the one this transformer was saved with.
        ValueError
            If an item is missing and ``missing="raise"``, or if `fusion` returns
            anything but one row of numbers for each row, or needs vectors of one length
            where they are of two.
        MemoryError
            If the vectors of `regions` would not fit into memory.
        """
        self._validate_params()
        fusion, cells = self._split(X)
        vectors, present, absent = self._embed_cells(
            cells, fusion.modalities, fusion, self.regions
        )
        if self.regions is not None:
            vectors["image"] = embedding.side_by_side(vectors["image"])
        for modality in {"image", "text"} - set(vectors):
            vectors[modality] = present[modality] = None
        fused = fusion.fuse(
            vectors["image"], vectors["text"], present["image"], present["text"]
        )
        features = check_fused(fused, cells.n_rows)
        if self.add_missing_indicator:
            flags = [absent[m][:, None] for m in fusion.modalities]
            features = np.hstack([features, *flags])
        return np.ascontiguousarray(features, dtype=np.float32)

    def encode_images(self, images):
        """Embed images alone.

        Parameters
        ----------
        images : list, Series or ndarray of n images
            Images in any accepted form; `missing` and `on_error` say what becomes of
            one that is missing or cannot be read.

        Returns
        -------
        ndarray of shape (n, d), dtype float32
            Embeddings, or what `features` says, L2-normalised.

        Raises
        ------
        ImageDecodeError
            If an image cannot be read and ``on_error="raise"``.
        ValueError
            If an image is missing and ``missing="raise"``.
        """
        return self._encode(images, "image")

    def encode_regions(self, images, regions=None):
        """Embed regions of images, without the images as a whole.

        Parameters
        ----------
        images : list, Series or ndarray of n images
            Images in any accepted form; `missing` and `on_error` say what becomes of
            one that is missing or cannot be read.
        regions : {"2x2", "3x3", "pyramid", "tokens"} or None, default=None
            Which regions; None takes those of this transformer.

        Returns
        -------
        vectors : ndarray of shape (n, n_regions, embedding_dim_), dtype float32
            Embeddings, L2-normalised.
        boxes : ndarray of shape (n_regions, 4), dtype float64
            Left, top, right and bottom of each region in [0, 1], row by row: as shares
            of the width and the height of the upright picture, for ``"tokens"`` of the
            picture as the model gets it, cropped or filled up. They are the same for
            all pictures.

        Raises
        ------
        ImageDecodeError
            If an image cannot be read and ``on_error="raise"``.
        ValueError
            If an image is missing and ``missing="raise"``; if neither this call nor the
            transformer names regions; or if the image tower has no places to give.
        MemoryError
            If the vectors would not fit into memory.
        """
        regions = self.regions if regions is None else regions
        embedding.check_regions(regions, self.features)
        vectors = self._encode(images, "image", regions)
        boxes = self._region_boxes(regions)
        # The whole picture stands before its tokens.
        return np.ascontiguousarray(vectors[:, -len(boxes) :]), boxes

    def encode_texts(self, texts):
        """Embed texts alone.

        Parameters
        ----------
        texts : list, Series or ndarray of n str
            Texts; `missing` says what becomes of one that is missing.

        Returns
        -------
        ndarray of shape (n, d), dtype float32
            Embeddings, or what `features` says, L2-normalised.

        Raises
        ------
        ValueError
            If a text is missing and ``missing="raise"``.
        """
        return self._encode(texts, "text")

    def precompute(self, X):
        """Embed the items of X into the store, before a search with ``n_jobs > 1``.

        Only what `fusion` needs is embedded: for a search over fusions, call this with
        one that needs every modality, such as the default.

        Parameters
        ----------
        X : DataFrame, list or ndarray
            Rows, see Notes.

        Returns
        -------
        CLIPFeaturizer
            This transformer.

        Raises
        ------
        ValueError
            If ``cache=None``: there is no store to fill. Else as for `transform`.
        """
        self._validate_params()
        if self.cache is None:
            raise ValueError("precompute needs a store. Got cache=None.")
        fusion, cells = self._split(X)
        self._embed_cells(cells, fusion.modalities, fusion, self.regions)
        return self

    def check_images(self, X):
        """Read and decode every image, without a model, before a long run.

        Parameters
        ----------
        X : DataFrame, list or ndarray
            Rows, see Notes.

        Returns
        -------
        list of tuple (row, source, reason)
            The images that cannot be read; empty if all is well, or if X has no
            images (``image=None``).
        """
        self._validate_params()
        if self.image is None:
            return []
        cells = self._cells(X, ("image",))
        remarks = []
        found = embedding.find_unreadable(cells.image, self.image_root, remarks=remarks)
        embedding.report_remarks(remarks, cells)
        return found

    def cache_info(self):
        """Count the embeddings in the store and how this process used them.

        Returns
        -------
        dict
            ``items`` and ``bytes`` in the store; ``hits`` and ``misses`` of this
            process: distinct items found there, and not found (so encoded).
        """
        store = embedding.open_store(self.cache)
        empty = {"items": 0, "bytes": 0, "hits": 0, "misses": 0}
        return empty if store is None else store.info()

    @property
    def embedding_dim_(self):
        """Length of one vector; read from the model's configuration before use."""
        return self._widths()[0]

    def _widths(self):
        """Lengths of the vectors that are fused, one alone where there are not two."""
        record = self._record()
        if self.features == "embedding":
            if record is not None:
                return [record["embedding_dim"]]
            return [embedding.read_embedding_dim(self.model_name, self.pretrained)]
        modalities = self._make_fusion().modalities
        known = {} if record is None else embedding.recorded_widths(record)
        if unknown := [m for m in modalities if m not in known]:
            known |= embedding.read_widths(
                self.model_name, self.pretrained, self.features, unknown
            )
        return list(dict.fromkeys(known[m] for m in modalities))

    @property
    def model_fingerprint_(self):
        """Digest of weights and architecture; loads the model if it was never used."""
        if self._record() is None:
            self._backbone(self._make_fusion().modalities)
        return self._record()["fingerprint"]

    @property
    def arithmetic_(self):
        """Engine and precision of each tower that was used; it loads nothing."""
        backbone, towers = self.__dict__.get("_checked", (None, ()))
        if backbone is None:
            return None
        return {tower: backbone.arithmetic[tower] for tower in sorted(towers)}

    def get_feature_names_out(self, input_features=None):
        """Name the output columns.

        Parameters
        ----------
        input_features : None
            Ignored; the names come from the fusion.

        Returns
        -------
        ndarray of str
            For example ``"clip_image_0"``.
        """
        fusion = self._make_fusion()
        widths = self._widths()
        names = fusion.feature_names(*widths)
        if self.regions is not None:
            n_regions = len(self._region_boxes(self.regions))
            names = embedding.name_regions(names, widths[0], n_regions)
        if self.add_missing_indicator:
            names = [*names, *(f"{m}_missing" for m in fusion.modalities)]
        return np.array([f"clip_{name}" for name in names], dtype=object)

    def _make_fusion(self):
        available = tuple(m for m in ("image", "text") if getattr(self, m) is not None)
        fusion = make_fusion(self.fusion, available)
        if self.regions is None:
            return fusion
        embedding.check_regions(self.regions, self.features)
        if type(fusion) not in (ImageFusion, ConcatFusion):
            raise ValueError(
                f"regions={self.regions!r} needs images and fusion='image' or "
                f"'concat', beside whose columns the regions stand. Got "
                f"fusion={self.fusion!r}, image={self.image!r}. Take one of these, or "
                "regions=None."
            )
        return fusion

    def _cells(self, X, modalities):
        return embedding.split_rows(
            X, image=self.image, text=self.text, modalities=modalities
        )

    def _split(self, X):
        fusion = self._make_fusion()
        return fusion, self._cells(X, fusion.modalities)

    def _region_boxes(self, regions):
        """Tell where regions lie; the places of tokens are known of the model alone."""
        if regions != "tokens":
            return embedding.region_boxes(regions)
        return embedding.region_boxes(regions, self._backbone(("image",), "tokens"))

    def _output(self, regions):
        """Say what the towers are to give."""
        return "tokens" if regions == "tokens" else self.features

    def _encode(self, items, kind, regions=None):
        self._validate_params()
        own = getattr(self, kind)
        names = {"image": None, "text": None, kind: kind if own is None else own}
        cells = embedding.split_rows(items, modalities=(kind,), **names)
        vectors, _, _ = self._embed_cells(
            cells, (kind,), regions=regions, of_rows=False
        )
        return vectors[kind] if self.normalize else embedding.unit_rows(vectors[kind])

    def _embed_cells(
        self, cells, modalities, fusion=None, regions=None, *, of_rows=True
    ):
        """Embed the needed columns, if the fusion takes what will come of them.

        See `embedding.embed_cells`.
        """
        self.failed_rows_, failed = [], []
        present = embedding.find_present(cells, modalities, self.missing)
        backbone = self._backbone(modalities, self._output(regions))
        if fusion is not None and len(modalities) == 2:
            fusion.check_widths(*map(backbone.width, ("image", "text")))
        # Of rows the whole picture is a part.
        parts = embedding.image_parts(regions, whole=of_rows)
        if regions is not None:
            embedding.check_room(cells, regions, backbone, parts)
        try:
            return embedding.embed_cells(
                cells,
                present,
                backbone,
                on_error=self.on_error,
                long_text=self.long_text,
                parts=parts,
                of_rows=of_rows,
                failed=failed,
                normalize=self.normalize,
                store=embedding.open_store(self.cache),
                root=self.image_root,
                batch_size=self.batch_size,
                num_workers=self.num_workers,
                verbose=self.verbose,
            )
        finally:
            self.failed_rows_ = failed

    def _backbone(self, towers=("image", "text"), output=None):
        """Load towers, and check that the model is the one this object knows."""
        backbone = embedding.load_backbone(
            self.model_name,
            self.pretrained,
            preprocess=self.preprocess,
            device=self.device,
            precision=self.precision,
            engine=self.engine,
            output=self.features if output is None else output,
            towers=towers,
            verbose=self.verbose,
        )
        known, checked = self.__dict__.get("_checked", (None, set()))
        checked = checked if known is backbone else set()
        new = [tower for tower in towers if tower not in checked]
        record = self._record()
        if record is not None and (new or known is not backbone):
            embedding.check_same_model(record, backbone, new)
        if record is None or not embedding.covers(record, towers):
            self._model_record = embedding.record_model(
                backbone, self._named(), towers, record
            )
        self._checked = backbone, checked | set(new)
        return backbone

    def _record(self):
        """Return what is noted of the model now named, None if it was never used."""
        record = self.__dict__.get("_model_record")
        return record if record and tuple(record["named"]) == self._named() else None

    def _named(self):
        """Name the model, and what it is used with where that is said."""
        named = (self.model_name, self.pretrained)
        if self.preprocess is not None:
            named = (*named, embedding.plain_settings(self.preprocess))
        # Last, and by its name alone: what was saved before has no such entry.
        return named if self.features == "embedding" else (*named, [self.features])

    def __dir__(self):
        """Leave out what would load a model: notebooks read all that is listed here."""
        hidden = () if self._record() else ("embedding_dim_", "model_fingerprint_")
        return [name for name in object.__dir__(self) if name not in hidden]

    def __getstate__(self):
        """Leave out weights and images; have a store that workers will find."""
        state = dict(super().__getstate__())
        state.pop("_checked", None)
        state.pop("failed_rows_", None)
        state["_block_norm"] = True  # the products of its presets have a scale
        if isinstance(self.cache, str) and self.cache == "auto":
            embedding.session_store()
        return state

    def __setstate__(self, state):
        """Give what was saved before there was a choice what it had."""
        before = {"engine": "torch", "features": "embedding", "regions": None}
        state = {**before, **state}
        if not state.pop("_block_norm", False) and "fusion" in state:
            state["fusion"] = name_plain_preset(state["fusion"])
        super().__setstate__(state)

    def __sklearn_is_fitted__(self):
        """Tell that `transform` works without `fit`."""
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []  # float32, whatever goes in
        return tags
