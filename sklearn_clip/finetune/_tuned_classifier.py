"""What a tuned model does: it scores rows for labels, is saved, and is pickled."""

import numpy as np
import torch
from scipy.special import expit
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from sklearn_clip import embedding
from sklearn_clip._featurizer import CLIPFeaturizer
from sklearn_clip._shared import WordLabelsMixin, as_path, warn_user
from sklearn_clip.finetune._checks import find_empty
from sklearn_clip.finetune._encoder import Encoder
from sklearn_clip.finetune._rows import read_fusion
from sklearn_clip.finetune._saving import pack_model, unpack_model, write_folder


class TunedClassifier(WordLabelsMixin, BaseEstimator):
    """The half of `CLIPFineTuner` that works once there is a tuned model.

    A subclass has the parameters, and a `fit` that sets `model_`, `loss_`,
    `label_names_`, `label_embeddings_`, `temperature_` and `bias_`, and how the model
    came: `_config`, `_tokenizer`, `_tokenizer_files` and `_templates`.
    """

    def predict_proba(self, X, classes=None):
        """Give the probability of every label.

        Parameters
        ----------
        X : DataFrame, list or ndarray of n rows
            Rows, as for `fit`.
        classes : list of str, dict of str to str or list of str, or None, default=None
            Labels to score, trained on or not, in the form of the parameter `classes`;
            None for those of `fit`. Temperature and bias are those of the trained ones.

        Returns
        -------
        ndarray of shape (n, n_labels), dtype float32
            P(label = 1), in [0, 1]; 0 for a row that has nothing.
        """
        logits = self.decision_function(X, classes)
        if classes is not None and getattr(self.loss_, "needs_class_counts", False):
            return expit(logits, out=logits)  # its shift is one of each trained label
        blank = np.isneginf(logits[:, 0])
        with torch.no_grad():
            found = self._activate(torch.from_numpy(logits)).numpy()
        found[blank] = 0
        return found

    def decision_function(self, X, classes=None):
        """Score every label by its logit.

        Parameters
        ----------
        X : DataFrame, list or ndarray of n rows
            Rows, as for `fit`.
        classes : list of str, dict of str to str or list of str, or None, default=None
            As for `predict_proba`.

        Returns
        -------
        ndarray of shape (n, n_labels), dtype float32
            Cosine / temperature + bias; minus infinity for a row that has nothing.
        """
        check_is_fitted(self)
        labels = self.label_embeddings_
        if classes is not None:
            labels = self._embed_labels(embedding.read_classes(classes)[1])
        fusion, cells = self._split(X)
        vectors = self._get_encoder().encode_cells(
            cells, fusion, self.image_root, self.verbose
        )
        scores = vectors @ labels.T
        scores /= self.temperature_
        scores += self.bias_
        blank = find_empty(cells, fusion.modalities)
        if len(blank):
            warn_user(
                f"{len(blank)} of {len(scores)} rows have no "
                f"{' or '.join(fusion.modalities)} (first: "
                f"{cells.name_row(blank[0])}). They get no label.",
            )
            scores[blank] = -np.inf
        return scores

    def predict(self, X):
        """Predict every label: 1 where its probability is above 0.5.

        Parameters
        ----------
        X : DataFrame, list or ndarray of n rows
            Rows, as for `fit`.

        Returns
        -------
        ndarray of shape (n, n_labels), dtype=int64
            0 and 1.
        """
        return (self.predict_proba(X) > 0.5).astype(np.int64)

    def save_pretrained(self, folder):
        """Write the tuned model as a folder that open_clip reads.

        Temperature and bias are the model's logit scale and bias, so that
        ``ZeroShotClassifier(scoring="sigmoid")`` on it gives the same probabilities.

        Parameters
        ----------
        folder : str or os.PathLike
            Made if it is not there; it gets the configuration with the preprocessing,
            the weights as safetensors, and the files of the tokenizer where it is not
            open_clip's own.

        Returns
        -------
        str
            The `model_name` under which it is loaded, ``"local-dir:..."``.
        """
        check_is_fitted(self)
        folder = as_path(folder, "folder").absolute()
        write_folder(folder, self._pack())
        return f"local-dir:{folder}"

    def featurizer(self, folder, **parameters):
        """Save the tuned model and make a featurizer of it.

        Parameters
        ----------
        folder : str or os.PathLike
            As for :meth:`save_pretrained`; the featurizer reads it when it is used.
        **parameters
            Parameters of the featurizer, beside the model. `image`, `text`,
            `image_root` and `fusion` are those of this object unless they are given.

        Returns
        -------
        CLIPFeaturizer
            With the tuned towers, and a fingerprint of its own.
        """
        name = self.save_pretrained(folder)
        own = {m: getattr(self, m) for m in ("image", "text", "image_root")}
        own["fusion"] = clone(self.fusion, safe=False)
        return CLIPFeaturizer(name, None, **own | parameters)

    def _split(self, X):
        """Read what fuses rows, and the columns that it needs."""
        fusion = read_fusion(self.fusion, self.image, self.text)
        return fusion, embedding.split_rows(
            X, image=self.image, text=self.text, modalities=fusion.modalities
        )

    def _activate(self, logits):
        """Probabilities as the loss sees them."""
        return getattr(self.loss_, "activation", torch.sigmoid)(logits)

    def _embed_labels(self, descriptions):
        return embedding.embed_prompts(
            self._get_encoder(), descriptions, self._templates
        )

    def _get_encoder(self):
        """Put the tuned model on the device, again where that or another changed."""
        setting, encoder = vars(self).get("_encoder", (None, None))
        if setting != self._encoder_setting():
            parts = self.model_, self._tokenizer, self._config
            encoder = self._make_encoder(*parts)
            self._encoder = self._encoder_setting(), encoder
        return encoder

    def _encoder_setting(self):
        return self.device, self.precision, self.num_workers

    def _make_encoder(self, model, tokenizer, config):
        device = embedding.resolve_device(self.device)
        return Encoder(
            model, tokenizer, config, device, self.precision, self.num_workers
        )

    def _pack(self):
        return pack_model(self.model_, self._config, self._tokenizer_files)

    def __getstate__(self):
        """Keep the model as the bytes of its files."""
        state = dict(super().__getstate__())
        if "model_" in state:
            state["_files"] = self._pack()
            for name in ("model_", "_encoder", "_tokenizer", "_config"):
                state.pop(name, None)
        return state

    def __setstate__(self, state):
        files = state.pop("_files", None)
        super().__setstate__(state)
        if files is not None:
            self.model_, self._config, self._tokenizer = unpack_model(files)
