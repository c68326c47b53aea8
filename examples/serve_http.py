"""
Serve a saved tagger over HTTP
==============================

One picture, one text, or both in; names and probabilities out::

    pip install fastapi uvicorn python-multipart
    python examples/serve_http.py tagger.joblib --port 8000
    curl -F image=@cat.jpg -F "text=a cat on a mat" localhost:8000/labels

``tagger.joblib`` holds a fitted Pipeline of a `CLIPFeaturizer` and a head, or a search
over one, fitted on a DataFrame of targets, whose columns are the names. The model is
loaded and warmed before the port is opened. Requests run in threads, of which
``--workers`` are in the model at once; a bad input is answered with 422 and the
sentence of the error. Load files only that you trust.
"""

import argparse
import io
import threading
from contextlib import nullcontext

import joblib
import pandas as pd
from PIL import Image

from sklearn_clip import ImageDecodeError, predict_labels, top_labels

MAX_BYTES = 20_000_000


class Tagger:
    """A fitted pipeline that labels one row at a time, from any thread.

    Parameters
    ----------
    pipeline : Pipeline or search over one
        Fitted: features first, a classifier last.
    workers : int or None, default=None
        How many rows may be in the model at once; None sets no bound.
    """

    def __init__(self, pipeline, workers=None):
        pipeline = getattr(pipeline, "best_estimator_", pipeline)
        params = pipeline.get_params()
        kinds = {name: name.split("__")[-1] for name in params}
        # No store: it would grow by every picture that is ever sent.
        caches = [name for name, kind in kinds.items() if kind == "cache"]
        pipeline.set_params(**dict.fromkeys(caches))
        # Columns have the names that the featurizer knows them by.
        self.columns = {"image": "image", "text": "text"}
        for name, kind in kinds.items():
            if kind in self.columns and params[name] is not None:
                self.columns[kind] = params[name]
        self.features, self.head = pipeline[:-1], pipeline[-1]
        self.turn = threading.BoundedSemaphore(workers) if workers else nullcontext()

    def warm(self):
        """Load the model and run both towers once."""
        page = io.BytesIO()
        Image.new("RGB", (32, 32)).save(page, "PNG")
        self.tag(page.getvalue(), "warm")

    def tag(self, image, text, k=5):
        """Label one row.

        Parameters
        ----------
        image : bytes or None
            An encoded picture.
        text : str or None
        k : int, default=5
            How many labels are ranked.

        Returns
        -------
        dict
            ``labels``, the names that the thresholds let pass, and ``ranked``, the k
            most probable with their probabilities.
        """
        if not image and not (text and text.strip()):
            raise ValueError("A row must have an image or a text. Got neither.")
        row = {self.columns["image"]: [image or None], self.columns["text"]: [text]}
        row = pd.DataFrame(row, dtype=object)
        with self.turn:
            features = self.features.transform(row)  # once for both answers
            ranked = top_labels(self.head, features, k=k)[0]
            labels = predict_labels(self.head, features)[0]
        ranked = [{"label": name, "probability": p} for name, p in ranked]
        return {"labels": labels, "ranked": ranked}


def make_app(tagger):
    """Make the web application around a tagger."""
    from fastapi import FastAPI, Form, HTTPException, UploadFile

    app = FastAPI(title="tagger")

    # Not async: FastAPI runs it in a thread, and other requests are answered meanwhile.
    @app.post("/labels")
    def labels(
        image: UploadFile | None = None,
        text: str | None = Form(None),
        k: int = Form(5, ge=1),
    ):
        if image is not None and image.size > MAX_BYTES:
            raise HTTPException(413, f"An image may have {MAX_BYTES:,} bytes.")
        content = None if image is None else image.file.read()
        try:
            return tagger.tag(content, text, k)
        except ImageDecodeError as exc:
            reason = exc.failures[0][2]
            raise HTTPException(422, f"The image could not be read: {reason}.") from exc
        except ValueError as exc:
            raise HTTPException(422, str(exc)) from exc

    @app.get("/health")
    def health():
        return {"status": "ready"}

    return app


def main():
    """Read the command line and serve."""
    import uvicorn

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("tagger", help="file of joblib.dump; load only what you trust")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=2, help="rows in the model")
    options = parser.parse_args()
    tagger = Tagger(joblib.load(options.tagger), options.workers)
    tagger.warm()
    uvicorn.run(make_app(tagger), host=options.host, port=options.port)


if __name__ == "__main__":
    main()
