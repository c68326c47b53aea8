"""A tuned model at work: rows and prompts to unit vectors, as a featurizer does."""

import copy

import numpy as np

from sklearn_clip import embedding
from sklearn_clip._shared import ImageDecodeError
from sklearn_clip.finetune._rows import find_present


class Encoder:
    """A copy of a tuned model on the device and in the precision it predicts with.

    Parameters
    ----------
    model : Module
        Model of open_clip; it is copied.
    tokenizer : callable
        Its tokenizer.
    config : dict
        Its architecture.
    device : torch.device
        Where to encode.
    precision : {"auto", "fp32", "bf16", "fp16"}
        Arithmetic.
    num_workers : int or "auto"
        Threads that read and decode.
    """

    def __init__(self, model, tokenizer, config, device, precision, num_workers):
        own = copy.deepcopy(model).eval().requires_grad_(False)
        source = embedding.ModelInMemory(own, tokenizer, config)
        self._backbone = embedding.Backbone(lambda: source, device, precision).load()
        self._num_workers = num_workers

    def encode_texts(self, texts):
        """Embed texts.

        Parameters
        ----------
        texts : list of str
            The texts.

        Returns
        -------
        ndarray of shape (n, embedding_dim), dtype float32
            Unit rows.
        """
        column = [[text] for text in texts]
        return embedding.embed_column(column, "text", self._backbone, normalize=True)[0]

    def encode_cells(self, cells, fusion, root, verbose):
        """Embed rows.

        Parameters
        ----------
        cells : Cells
            The rows.
        fusion : Fusion
            What makes one of image and caption.
        root : str, os.PathLike or None
            Folder of relative paths.
        verbose : int
            Above 0, shows a progress bar.

        Returns
        -------
        ndarray of shape (n, embedding_dim), dtype float32
            Unit rows; zeros where a row has nothing.

        Raises
        ------
        ImageDecodeError
            If an image cannot be read.
        """
        present = find_present(cells, fusion.modalities)
        vectors = {"image": None, "text": None}
        if "image" in fusion.modalities:
            vectors["image"] = self._encode_images(cells, root, verbose)
        if "text" in fusion.modalities:
            vectors["text"], _, _ = embedding.embed_column(
                cells.text, "text", self._backbone, normalize=True, verbose=verbose
            )
        fused = fusion.fuse(
            vectors["image"], vectors["text"], present["image"], present["text"]
        )
        return np.ascontiguousarray(embedding.unit_rows(fused))

    def _encode_images(self, cells, root, verbose):
        remarks = []
        vectors, _, failed = embedding.embed_column(
            cells.image,
            "image",
            self._backbone,
            remarks=remarks,
            normalize=True,
            root=root,
            num_workers=self._num_workers,
            stop_on_failure=True,
            verbose=verbose,
        )
        if failed:
            row, source, reason = failed[0]
            raise ImageDecodeError(
                f"An image could not be read: {cells.name_row(row)}, "
                f"{embedding.describe_image(source)}: {reason}. Leave the row out.",
                failed,
            )
        embedding.report_remarks(remarks, cells)
        return vectors
