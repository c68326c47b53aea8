"""What is asked of every model of the zoo, each question by itself."""

import contextlib
import traceback

import joblib
import numpy as np
import zoo_model as zoo
from zoo_model import LEAST_COSINE, TEXTS, TOLERANCE

from sklearn_clip import CLIPFeaturizer, CLIPFineTuner
from sklearn_clip.embedding import load_backbone
from sklearn_clip.embedding.backbone import _loading
from sklearn_clip.embedding.engines._choice import is_installed

# Of the engines but torch, those that are installed.
ASKED = (
    ("torch", "fp32"),
    ("torch", "auto"),
    ("openvino", "fp32"),
    ("onnxruntime", "fp32"),
)
AGREES = "agrees"


def check(name, file, tag, folder):
    """Ask everything of one model.

    Parameters
    ----------
    name, file, tag : str
        The model, from `zoo_model.prepare`.
    folder : Path
        For what is written.

    Returns
    -------
    dict of str to str
        ``"agrees"``, or what happened, by question.
    """
    model = _Model(name, file, tag)
    found = {}
    for engine, precision in ASKED:
        if is_installed(engine):
            key = f"{engine}-{precision}"
            found[key] = _ask(model.compare, engine, precision)
    found["fusions"] = _ask(model.compare_fusions)
    found["penultimate"] = _ask(model.compare_penultimate)
    found["tokens"] = _ask(model.compare_tokens)
    found["long texts"] = _ask(model.compare_long_texts)
    found["saved"] = _ask(model.compare_saved, folder)
    found["fine-tuned"] = _ask(model.fine_tune, folder)
    return found


def _ask(question, *args):
    """Return ``"agrees"``, or the difference or error in a line."""
    try:
        return question(*args) or AGREES
    except Exception as exc:
        traceback.print_exc()
        return f"{type(exc).__name__}: {' '.join(str(exc).split())[:300]}"


class _Model:
    """One model, and what open_clip makes of some pictures and texts.

    Parameters
    ----------
    name, file, tag : str
        The model.
    """

    def __init__(self, name, file, tag):
        self._named = {"model_name": name, "pretrained": file, "preprocess": tag}
        backbone = load_backbone(
            name,
            file,
            preprocess=tag,
            precision="fp32",
            device="cpu",
            towers=["image"],
        )
        size = backbone.torch_towers.model("image").visual.image_size
        size = (size, size) if isinstance(size, int) else tuple(size)
        self._same, photos = zoo.make_pictures(size)
        pictures = [*self._same, *photos]
        self._pictures = pictures
        self._images, self._texts = zoo.encode_plainly(name, file, tag, pictures)

    def _make(self, **options):
        exact = {"engine": "torch", "precision": "fp32"}
        return CLIPFeaturizer(
            **self._named, **({"cache": None, "device": "cpu"} | exact | options)
        )

    def _embed(self, **options):
        """Embed the pictures, and the texts, each as they are."""
        options = {"normalize": False} | options
        images = self._make(text=None, **options).transform(self._pictures)
        texts = self._make(image=None, **options).transform(TEXTS)
        return images, texts

    def compare(self, engine, precision):
        """Compare vectors with those of open_clip."""
        options = {"engine": engine, "precision": precision}
        said = self._judge(*self._embed(**options), precision)
        if engine == "torch" or said:
            return said
        ran = self._make(**options)._backbone().arithmetic
        stay = [tower for tower, how in ran.items() if not how.startswith(engine)]
        return f"{AGREES}, torch: {' and '.join(stay)}" if stay else ""

    def _judge(self, images, texts, precision):
        pairs = {"images": (images, self._images), "texts": (texts, self._texts)}
        said = []
        for what, (ours, theirs) in pairs.items():
            cosine = zoo.least_cosine(ours, theirs)
            if not cosine >= LEAST_COSINE[precision]:
                said.append(f"{what}: cosine {cosine:.5f}")
            n = len(self._same) if what == "images" else len(TEXTS)
            difference = np.abs(ours[:n] - theirs[:n]).max() / np.abs(theirs).max()
            if precision == "fp32" and not difference <= TOLERANCE:
                said.append(f"{what}: difference {difference:.1e}")
        return "; ".join(said)

    def compare_fusions(self):
        """Load the towers in another order, and one after the other."""
        n = min(len(self._pictures), len(TEXTS))
        rows = list(zip(self._pictures[:n], TEXTS[:n], strict=True))
        found, prints = {}, set()
        for fusions in (["image", "text"], ["concat"], ["text", "image"]):
            _loading._loaded.clear()
            for fusion in fusions:
                clip = self._make(fusion=fusion, normalize=False)
                found[fusion] = clip.transform(rows)
                prints.add(clip.model_fingerprint_)
        both = np.hstack([found["image"], found["text"]])
        difference = np.abs(both - found["concat"]).max() / np.abs(both).max()
        if len(prints) > 1:
            return "several fingerprints"
        return "" if difference <= TOLERANCE else f"difference {difference:.1e}"

    def compare_penultimate(self):
        """Project what goes into the projection: open_clip's vectors come out."""
        clip = self._make(features="penultimate")
        said = clip.embedding_dim_, len(clip.get_feature_names_out())
        images, texts = self._embed(features="penultimate")
        if said != (images.shape[1], images.shape[1] + texts.shape[1]):
            return f"widths {images.shape[1]} and {texts.shape[1]}, {said} before use"
        model = self._make(features="embedding")._backbone().model
        images = zoo.project(model, "image", images)
        texts = zoo.project(model, "text", texts)
        return self._judge(images, texts, "fp32")

    def compare_tokens(self):
        """Take the whole picture off the row in which its places stand behind it."""
        clip = self._make(text=None, regions="tokens", normalize=False)
        try:
            rows = clip.transform(self._pictures)
        except ValueError as exc:
            if "needs an image tower whose places" not in str(exc):
                raise
            return f"{AGREES}, refused: it has none"
        if not np.isfinite(rows).all():
            return "places are not finite"
        if rows.shape[1] != len(clip.get_feature_names_out()):
            return f"{len(clip.get_feature_names_out())} names of {rows.shape[1]}"
        return self._judge(rows[:, : clip.embedding_dim_], self._texts, "fp32")

    def compare_long_texts(self):
        """Split a long text into pieces that fit, and average these."""
        clip = self._make(image=None, long_text="mean", normalize=False)
        backbone = clip._backbone(["text"])
        pieces = backbone.chunk_text(TEXTS[-1])
        if " ".join(pieces).split() != TEXTS[-1].split():
            return "words are lost"
        if len(pieces) < 2 or not all(backbone._fits(piece) for piece in pieces):
            return f"{len(pieces)} pieces"
        plain = self._make(image=None, normalize=False).transform(pieces)
        found = clip.transform(TEXTS[-1:])
        difference = np.abs(found - plain.mean(axis=0)).max() / np.abs(plain).max()
        return "" if difference <= TOLERANCE else f"difference {difference:.1e}"

    def compare_saved(self, folder):
        """Dump a featurizer and load it."""
        clip = self._make(text=None)
        before = clip.transform(self._same)
        joblib.dump(clip, folder / "clip.joblib")
        _loading._loaded.clear()
        after = joblib.load(folder / "clip.joblib").transform(self._same)
        return "" if np.array_equal(before, after) else "other vectors"

    def fine_tune(self, folder):
        """Train one step, save the model and load it."""
        tuner = CLIPFineTuner(
            ["red", "blue"],
            **self._named,
            templates="none",
            max_epochs=1,
            batch_size=2,
            early_stopping=None,
            device="cpu",
            precision="fp32",
            random_state=0,
        )
        tuner.fit(self._same, np.eye(2, dtype=int))
        expected = tuner.predict_proba(self._same)
        joblib.dump(tuner, folder / "tuner.joblib")
        loaded = joblib.load(folder / "tuner.joblib").predict_proba(self._same)
        clip = tuner.featurizer(folder / "tuned", text=None, precision="fp32")
        with contextlib.suppress(AttributeError):
            clip.set_params(cache=None)
        features = clip.transform(self._same)
        own = tuner._get_encoder()._backbone
        prepared = [own.prepare_image(picture) for picture in self._same]
        cosine = zoo.least_cosine(features, own.encode_images(prepared))
        if not np.allclose(loaded, expected, atol=1e-4):
            return "other probabilities when loaded"
        return "" if cosine >= LEAST_COSINE["fp32"] else f"cosine {cosine:.5f}"
