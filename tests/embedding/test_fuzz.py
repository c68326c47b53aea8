"""Mutated files and senseless rows: a vector or a clear error, never a crash.

``make fuzz`` runs ten thousand files; here it is some hundreds.
"""

import io
import os
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sklearn_clip import ImageDecodeError
from sklearn_clip.embedding import split_rows

pytestmark = pytest.mark.any_processor

N_FILES = int(os.environ.get("SKLEARN_CLIP_FUZZ", "400"))
SLOWEST = 600  # seconds; a hundred files that take longer are taken for a hang
FORMS = [
    ("JPEG", "RGB", {"quality": 80}),
    ("JPEG", "L", {"progressive": True}),
    ("JPEG", "CMYK", {}),
    ("PNG", "RGBA", {}),
    ("PNG", "P", {"transparency": 3}),
    ("PNG", "I;16", {}),
    ("PNG", "1", {}),
    ("GIF", "P", {}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("WEBP", "RGB", {}),
    ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    ("TIFF", "L", {"compression": "jpeg"}),
    ("BMP", "RGB", {}),
    ("PPM", "RGB", {}),
    ("TGA", "RGBA", {}),
    ("ICO", "RGBA", {}),
    ("PCX", "L", {}),
    ("SGI", "RGB", {}),
]


def write_seeds(make_pictures):
    seeds = []
    for number, picture in enumerate(make_pictures(3, size=(97, 61))):
        for form, mode, options in FORMS:
            file = io.BytesIO()
            source = picture.convert("L" if mode == "I;16" else mode)
            if mode == "I;16":
                wide = np.asarray(source).astype(np.uint16) * 257
                source = Image.fromarray(wide)
            if form == "GIF" and number == 2:
                options = {"save_all": True, "append_images": [source.rotate(90)]}
            source.save(file, form, **options)
            seeds.append(file.getvalue())
    return seeds


def mutate(data, other, rng):
    data = bytearray(data)
    for _ in range(rng.integers(1, 6)):
        if not data:
            break
        # Half of the changes fall on the header, where sizes and offsets stand.
        reach = min(len(data), 64) if rng.random() < 0.5 else len(data)
        place, length = int(rng.integers(reach)), int(rng.integers(1, 40))
        kind = rng.integers(6)
        if kind == 0:
            data[place] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            data[place] = int(rng.choice([0, 1, 127, 128, 255]))
        elif kind == 2:
            data[place : place + length] = rng.bytes(length)
        elif kind == 3:
            del data[place : place + length]
        elif kind == 4:
            del data[int(rng.integers(len(data))) :]
        else:
            start = int(rng.integers(len(other)))
            data[place:place] = other[start : start + length]
    return bytes(data)


@pytest.mark.filterwarnings("ignore")
def test_mutated_files_give_a_vector_or_a_named_failure(make_featurizer, make_pictures):
    rng = np.random.default_rng(20_261_121)
    seeds = write_seeds(make_pictures)
    clip = make_featurizer(text=None, on_error="nan", num_workers=2)
    reasons, vectors = {}, 0
    for start in range(0, N_FILES, 100):
        files = [
            mutate(seeds[i % len(seeds)], seeds[rng.integers(len(seeds))], rng)
            for i in range(start, min(start + 100, N_FILES))
        ]
        begin = time.monotonic()
        features = clip.transform(files)
        assert time.monotonic() - begin < SLOWEST
        failed = {row: reason for row, _, reason in clip.failed_rows_}
        assert all(reason.strip() for reason in failed.values())
        broken = np.isnan(features).any(axis=1)
        assert set(np.flatnonzero(broken)) == set(failed)
        assert np.isnan(features[broken]).all()
        vectors += int((~broken).sum())
        for row, reason in failed.items():
            reasons.setdefault(reason, files[row])
    # Both outcomes are common, or nothing was tried.
    assert vectors > N_FILES / 10 and len(reasons) > 5
    for file in list(reasons.values())[:20]:
        with pytest.raises(ImageDecodeError, match=r"row 1, <\d+ bytes>"):
            clip.set_params(on_error="raise").transform([make_pictures(1)[0], file])


cells = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.binary(max_size=3)
    | st.just(np.zeros((2, 2, 3), np.uint8)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(
            st.sampled_from(["image", "text", "other"]), inner, max_size=2
        )
    ),
    max_leaves=8,
)


@settings(max_examples=max(200, N_FILES // 5), deadline=None)
@given(
    X=cells | st.lists(cells, max_size=4),
    names=st.sampled_from([("image", "text"), ("image", None), (None, "text")]),
)
def test_senseless_rows_are_split_or_refused(X, names):
    image, text = names
    wanted = tuple(m for m in ("image", "text") if m in names)
    try:
        found = split_rows(X, image=image, text=text, modalities=wanted)
    except (TypeError, ValueError) as exc:
        assert "Got" in str(exc)
    else:
        assert found.n_rows == len(X)
        for modality in wanted:
            column = getattr(found, modality)
            assert len(column) == len(X) and all(isinstance(c, list) for c in column)
