"""The towers of a model in torch: loaded as they are needed, in their arithmetic."""

import itertools

import open_clip
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2

from sklearn_clip._shared import own_modes
from sklearn_clip.embedding.backbone._outputs import output_width, view_output
from sklearn_clip.embedding.backbone._parts import TOWERS, tower_output
from sklearn_clip.embedding.backbone._places import read_grid, view_tokens
from sklearn_clip.embedding.backbone._precision import (
    DTYPES,
    device_name,
    fast_precision,
    is_narrow,
)
from sklearn_clip.embedding.backbone._towers import ImageTower, TextTower
from sklearn_clip.embedding.backbone._transform import read_plan
from sklearn_clip.embedding.engines._trial import (
    LEAST_COSINE,
    encode_trial,
    worst_cosine,
)


class TorchTowers:
    """The towers of one model.

    Parameters
    ----------
    source : ModelFiles or ModelInMemory
        Where they come from; they are moved and cast.
    tokenizer : callable
        Returns the tokenizer of the texts.
    device : torch.device
        Where they run.
    notes : ModelNotes
        What is known of the model.
    output : {"embedding", "penultimate", "tokens"}, default="embedding"
        What they give.
    others : callable, default=list
        Returns the TorchTowers of the same model that give another output: weights are
        theirs where they are in the same arithmetic.
    """

    def __init__(
        self, source, tokenizer, device, notes, output="embedding", others=list
    ):
        self._source = source
        self._tokenizer = tokenizer
        self._device = device
        self._notes = notes
        self._output = output
        self._others = others
        self._models = {}
        self._settled = {}

    @own_modes()
    def model(self, tower):
        """Return the model with a tower, loaded when it is first asked for.

        Parameters
        ----------
        tower : {"image", "text"}
            The tower.

        Returns
        -------
        torch.nn.Module
            Of open_clip.
        """
        if tower not in self._models:
            if tower == "text":
                self._tokenizer()  # fails before the weights are read, if it does
            self._keep(self._source.load([tower]))
        return self._models[tower]

    @own_modes()
    def whole(self):
        """Return one model with both towers."""
        if len({id(self.model(tower)) for tower in TOWERS}) > 1:
            self._models, self._settled = {}, {}
            self._keep(self._source.load(TOWERS, whole=True))
        return self._models["image"]

    def drop(self, tower):
        """Let go of a tower, which is loaded anew if it is asked for.

        Parameters
        ----------
        tower : {"image", "text"}
            The tower.
        """
        self._models.pop(tower, None)
        self._settled.pop(tower, None)

    def lend(self, tower, precision):
        """Return the model with a tower, if it stays in an arithmetic.

        Parameters
        ----------
        tower : {"image", "text"}
            The tower.
        precision : {"fp32", "bf16", "fp16"}
            The arithmetic.

        Returns
        -------
        torch.nn.Module or None
            Of open_clip.
        """
        if self._settled.get(tower) != precision:
            return None
        return self._models.get(tower)

    def _keep(self, models):
        for tower, model in models.items():
            # Convolutions are up to 1.4 times as fast with the channels last.
            self._models.setdefault(
                tower,
                model.to(device=self._device, memory_format=torch.channels_last),
            )

    def transform(self):
        """Make open_clip's own preprocessing: PIL image to tensor (3, h, w)."""
        pixels = open_clip.get_model_preprocess_cfg(self.model("image"))
        return image_transform_v2(PreprocessCfg(**pixels), is_train=False)

    def settings(self):
        """Read what pictures are prepared with, as open_clip says it."""
        return open_clip.get_model_preprocess_cfg(self.model("image"))

    def width(self, tower):
        """Read how many numbers a tower gives.

        Parameters
        ----------
        tower : {"image", "text"}
            The tower.

        Returns
        -------
        int
            Length of its vectors.
        """
        width = self._source.config["embed_dim"]
        output = tower_output(self._output, tower)
        if output == "tokens":
            rows, columns = self.grid()
            return (1 + rows * columns) * width
        return output_width(self.model(tower), tower, output, width)

    def grid(self):
        """Read how many places the image tower gives, of pictures as it gets them.

        Returns
        -------
        tuple of (int, int)
            Rows and columns.
        """
        return read_grid(view_tokens(self.model("image")), self._picture_size())

    def _picture_size(self):
        """Read the rows and columns of pictures as the image tower gets them."""
        plan = read_plan(self.transform())
        size = self.model("image").visual.image_size if plan is None else plan.size
        return size if isinstance(size, tuple | list) else (size, size)

    def sees_by_convolutions(self):
        """Whether most layers of the image tower are convolutions."""
        dimensions = [tensor.dim() for _, tensor in self._tensors("image")]
        return dimensions.count(4) > dimensions.count(2)

    def count_patches(self):
        """Count the patches in which the image tower sees a picture.

        Returns
        -------
        int
            Kernels of its first layer beside each other; thousands if it is one of
            convolutions, and all pixels if nothing is known of it.
        """
        rows, columns = self._picture_size()
        kernels = (
            tensor.shape[2:]
            for _, tensor in self._tensors("image")
            if tensor.dim() == 4 and tensor.shape[1] == 3
        )
        height, width = next(kernels, (1, 1))
        return (rows // height) * (columns // width)

    @own_modes()
    def make(self, tower, precision, *, stays=True, borrows=True):
        """Put a tower to work.

        Parameters
        ----------
        tower : {"image", "text"}
            The tower.
        precision : {"auto", "fp32", "bf16", "fp16"}
            Its arithmetic. ``"auto"`` is what `fast_precision` names for the device,
            wherever that agrees with fp32.
        stays : bool, default=True
            Whether it keeps that arithmetic, so that its weights may be shared.
        borrows : bool, default=True
            Whether the weights may be those of the same model with another output.

        Returns
        -------
        ImageTower or TextTower
            The tower at work.
        """
        if precision == "auto":
            precision = self._choose(tower)
        if stays and borrows:
            lent = (other.lend(tower, precision) for other in self._others())
            model = next((model for model in lent if model is not None), None)
            if model is not None:
                self._models[tower] = model
        made = self._cast(tower, precision)
        if stays:
            self._settled[tower] = precision
        return made

    def _choose(self, tower):
        """Choose the fast arithmetic, if it was, or is found to be, true to fp32."""
        wanted = fast_precision(self._device)[tower]
        if wanted == "fp32" or (tower == "text" and self._is_narrow()):
            return "fp32"
        known = f"{tower} {wanted}, torch {torch.__version__}"
        known += f", {device_name(self._device)}"
        output = tower_output(self._output, tower)
        if output != "embedding":
            known += f", {output}"
        cosine = self._notes.recall(known, lambda: self._try(tower, wanted))
        return wanted if cosine >= LEAST_COSINE else "fp32"

    def _is_narrow(self):
        texts = (tensor for _, tensor in self._tensors("text"))
        return self._device.type == "cpu" and is_narrow(texts)

    def _cast(self, tower, precision):
        model, dtype = self.model(tower), DTYPES[precision]
        output = tower_output(self._output, tower)
        if tower == "image":
            model.visual.to(dtype)
            view = view_output(model, tower, output)
            return ImageTower(view, self.transform(), self._device, precision)
        for name, part in model.named_children():
            if name != "visual":
                part.to(dtype)
        for own in (model._parameters, model._buffers):
            for tensor in own.values():
                if tensor is not None and tensor.is_floating_point():
                    tensor.data = tensor.data.to(dtype)
        view = view_output(model, tower, output)
        return TextTower(view, self._tokenizer(), self._device, precision)

    def _try(self, tower, precision):
        """Find out how true a tower stays in lower precision, and leave it exact."""
        exact = self._cast(tower, "fp32")
        size = exact.plan.size if tower == "image" and exact.plan else (224, 224)
        expected = encode_trial(exact, tower, size)
        weights = {n: t.to("cpu", copy=True) for n, t in self._tensors(tower)}
        found = encode_trial(self._cast(tower, precision), tower, size)
        self._cast(tower, "fp32")
        for name, value in self._tensors(tower):
            value.data.copy_(weights[name])
        return worst_cosine(found, expected)

    def _tensors(self, tower):
        """Name all weights and buffers, of which a state dict may leave some out."""
        model = self.model(tower)
        for name, tensor in itertools.chain(
            model.named_parameters(), model.named_buffers()
        ):
            if name.startswith("visual.") == (tower == "image"):
                yield name, tensor
