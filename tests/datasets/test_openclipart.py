import shutil

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sklearn_clip.datasets import _captions, _groups, _parts, load_openclipart

SVG = """<svg xmlns="http://www.w3.org/2000/svg"><metadata><rdf:RDF><cc:Work>
<dc:title>{title}</dc:title><dc:description>{description}</dc:description>
<dc:subject><rdf:Bag>{items}</rdf:Bag></dc:subject>
<dc:creator><cc:Agent><dc:title>{creator}</dc:title></cc:Agent></dc:creator>
</cc:Work></rdf:RDF></metadata></svg>"""


def _svg(title="", description="", keywords=(), creator=""):
    items = "".join(f"<rdf:li>{word}</rdf:li>" for word in keywords)
    return SVG.format(
        title=title, description=description, items=items, creator=creator
    )


def _draw(seed):
    """Draw a picture unlike that of any other seed."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGBA", (64, 64))
    pen = ImageDraw.Draw(picture)
    for _ in range(12):
        x, y = (int(v) for v in rng.integers(0, 48, 2))
        colour = tuple(int(v) for v in rng.integers(0, 255, 3))
        pen.rectangle((x, y, x + 16, y + 16), fill=(*colour, 255))
    return picture


def _add(root, path, picture, **metadata):
    for kind in ("svg", "png"):
        (root / kind / path).parent.mkdir(parents=True, exist_ok=True)
    (root / "svg" / f"{path}.svg").write_text(_svg(**metadata), "utf-8")
    picture.save(root / "png" / f"{path}.png")


def _name(number):
    """Spell a number in letters: names that share no prefix."""
    return "".join("bcdfghjkmp"[int(digit)] for digit in f"{number:03d}") + "o"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    root = tmp_path_factory.mktemp("openclipart")
    kinds = [("animals/birds", "bird"), ("food/fruit", "fruit"), ("office", "office")]
    for i in range(300):
        folder, keyword = kinds[i % 3]
        word = _name(i)
        _add(root, f"{folder}/{word}_01", _draw(i), title=word, keywords=[keyword])
    same = root / "png" / "animals/birds" / f"{_name(0)}_01.png"
    _add(root, "unsorted/copy", _draw(0), title="Copy", keywords=["penguin"])
    assert same.is_file()
    _add(root, "computer/icons/flat-theme/x", _draw(900), title="Theme icon")
    _add(root, "food/nothing", Image.new("RGBA", (64, 64)), title="Invisible")
    for i in range(20):
        path = f"signs_and_symbols/led/{_name(i)}"
        _add(root, path, _draw(500 + i), title=_name(700 + i), keywords=["sign"])
    return root


@pytest.fixture(scope="module")
def rows(library):
    return load_openclipart(library)


def test_load_openclipart_leaves_out_themes_copies_and_blanks(rows):
    assert len(rows) == 320
    names = [row["image"].rpartition("/")[2] for row in rows]
    assert not {"copy.png", "x.png", "nothing.png"} & set(names)
    merged = next(row for row in rows if row["text"] == _name(0))
    assert merged["keywords"] == ("bird", "penguin")
    assert merged["folders"] == ("animals/birds", "unsorted")


def test_load_openclipart_parts_are_disjoint_in_groups(rows):
    groups = {"train": set(), "test": set(), "": set()}
    for row in rows:
        groups[row["split"]].add(row["group"])
        assert (row["part"] == "task") == (row["split"] in ("train", "test"))
    assert groups["train"] and groups["test"] and groups[""]
    assert not groups["train"] & groups["test"]
    assert not (groups["train"] | groups["test"]) & groups[""]


def test_load_openclipart_task_rows_have_labels(rows):
    task = [row for row in rows if row["part"] == "task"]
    assert 0.5 < len(task) / len(rows) < 0.65
    counts = _parts._count(task)
    assert set(counts) == {"animal", "bird", "food", "fruit", "office"}
    assert min(counts.values()) >= 25
    test = [row for row in task if row["split"] == "test"]
    assert min(_parts._count(test).values()) >= 6
    assert 0.2 < len(test) / len(task) < 0.4
    assert all(row["labels"] for row in task)


def test_load_openclipart_large_series_is_for_pretraining(rows):
    series = [row for row in rows if "/led/" in row["image"]]
    assert len(series) == 20
    assert {row["part"] for row in series} == {"pretraining"}
    assert len({row["group"] for row in series}) == 1


@pytest.mark.parametrize("part", ["task", "pretraining"])
def test_load_openclipart_part_selects_rows(library, rows, part):
    chosen = load_openclipart(library, part=part)
    assert chosen == [row for row in rows if row["part"] == part]


def test_load_openclipart_is_the_same_elsewhere(library, rows, tmp_path):
    moved = shutil.copytree(library, tmp_path / "moved")
    for here, there in zip(rows, load_openclipart(moved), strict=True):
        assert {**here, "image": ""} == {**there, "image": ""}


def test_load_openclipart_as_frame(library, rows):
    frame = load_openclipart(library, as_frame=True)
    assert list(frame.columns) == list(rows[0])
    assert frame["text"].tolist() == [row["text"] for row in rows]


def test_load_openclipart_gives_copies_of_its_cache(library):
    load_openclipart(library)[0]["text"] = "changed"
    assert load_openclipart(library)[0]["text"] != "changed"


def test_load_openclipart_errors(library, tmp_path):
    with pytest.raises(ValueError, match="part must be 'task', 'pretraining' or None"):
        load_openclipart(library, part="train")
    with pytest.raises(FileNotFoundError, match="apt-get install openclipart-png"):
        load_openclipart(tmp_path)


@pytest.mark.parametrize(
    ("path", "metadata", "expected"),
    [
        ("food/fruit/pear_01", {"title": "Green pear"}, "Green pear"),
        ("shapes/led", {"title": "LED (Black)"}, "LED (Black)"),
        ("people/man", {"title": "BlueMan#101"}, "BlueMan"),
        ("animals/seal", {"title": "Etiquette Icons"}, "seal"),
        ("animals/red_deer_01", {}, "red deer"),
        ("a/giveWay", {"title": "SVG Road Signs"}, "give way"),
        ("a/x", {"title": "L&amp;Atilde;&amp;copy;zard"}, "L\u00e9zard"),
        ("a/x", {"title": "Owl", "description": "A white owl"}, "Owl, white owl"),
        ("a/x", {"title": "Owl", "description": "Drawn in Inkscape"}, "Owl"),
        ("a/x", {"title": "Owl", "description": "This is a nice owl."}, "Owl"),
        ("recreation/games/cards/white/white_s_k", {"title": "card"}, "king of spades"),
    ],
)
def test_caption(path, metadata, expected):
    read = _captions.read_metadata(_svg(**metadata))
    assert _captions.caption(path, read) == expected


def test_caption_without_the_author_in_the_file_name():
    read = _captions.read_metadata(_svg(creator="Architetto Francesco"))
    assert _captions.caption("animals/orso_architetto_fran_01", read) == "orso"


def test_caption_shared_title_falls_back_to_the_file_name():
    read = _captions.read_metadata(_svg(title="Bee"))
    assert _captions.caption("animals/ant", read, shared_titles={"Bee"}) == "ant"


def test_read_metadata_cleans_keywords():
    keywords = ["Bird", "HASH(0x8a3cd28)", "", "bird", "a@b.org", "north_america", "11"]
    read = _captions.read_metadata(_svg(keywords=keywords))
    assert read["keywords"] == ["bird", "north america"]


@pytest.mark.parametrize(
    ("keywords", "folders", "expected"),
    [
        (["penguin"], ["unsorted"], {"bird", "animal"}),
        (["kitten"], ["animals/mammals/housecats"], {"cat", "mammal", "animal"}),
        (["girl"], [], {"woman", "person"}),
        (["smiley", "people"], ["people/smilies"], {"smiley"}),
        (["sign", "flag", "europe"], [], {"flag", "europe"}),
        (["icon", "computer"], ["computer/icons"], set()),
        (["hat"], ["people/clothing/hats"], {"hat", "clothing"}),
    ],
)
def test_labels(keywords, folders, expected):
    assert _captions.labels(keywords, folders) == expected


def test_stem_is_shared_by_variants():
    stems = {_captions.stem(t) for t in ("LED (Black)", "LED (red)", "led 2", "LEDs")}
    assert len(stems) == 1


@pytest.mark.parametrize("relative", [False, True])
def test_near_pairs_equals_brute_force(relative):
    rng = np.random.default_rng(0)
    base = rng.uniform(0, 255, (20, 30)) * rng.uniform(0.1, 1, (20, 1))
    signature = np.concatenate([base, base + rng.normal(0, 4, base.shape)])
    threshold = 0.05 if relative else 5.0
    ink = np.sqrt((signature**2).mean(axis=1))
    expected = []
    for i in range(40):
        for j in range(i + 1, 40):
            rms = np.sqrt(((signature[i] - signature[j]) ** 2).mean())
            if rms < threshold * (min(ink[i], ink[j]) if relative else 1):
                expected.append((i, j))
    found = _groups.near_pairs(signature, threshold, relative=relative, block=7)
    assert 5 < len(expected) < 40
    assert sorted(found) == expected


def test_signatures_ignore_what_lies_under_transparent_pixels():
    picture = _draw(0)
    pixels = np.array(picture)
    pixels[pixels[..., 3] == 0, :3] = 77
    one = _groups.signatures(picture)
    two = _groups.signatures(Image.fromarray(pixels))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_signatures_see_one_drawing_in_two_proportions():
    picture = _draw(0)
    picture = picture.crop(picture.getchannel("A").getbbox())
    wide = picture.resize((picture.width * 2, picture.height))
    one = _groups.signatures(picture)[2]
    two = _groups.signatures(wide)[2]
    assert _groups.near_pairs(np.stack([one, two]), 0.12, relative=True) == [(0, 1)]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ('<image xlink:href="C:\\scan.png" width="3"/>', True),
        ('<image width="3" xlink:href="data:image/png;base64,x"/>', False),
        ('<use xlink:href="other"/>', False),
    ],
)
def test_has_linked_image(image, expected):
    assert _captions.has_linked_image(f"<svg>{image}</svg>") is expected


def test_union_find_merges_by_key():
    sets = _groups.UnionFind(6)
    sets.union_by(["a", "b", None, "a", None, "b"])
    sets.union(5, 2)
    assert [sets.find(i) for i in range(6)] == [0, 1, 1, 0, 4, 1]
