import io
import shutil
import struct
import subprocess
import tarfile
import zipfile
import zlib

import pytest

from sklearn_clip.datasets import _package_files
from sklearn_clip.datasets._package_files import (
    fetch_command,
    find_package,
    read_files,
    read_resources,
)


def _tar(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def _resources(files, version=3, flags=0):
    """Write files as Qt's resource compiler does: breadth first, big-endian."""
    names, data = b"", b""
    name_at = {}

    def name(text):
        nonlocal names
        if text not in name_at:
            name_at[text] = len(names)
            encoded = text.encode("utf-16-be")
            names += struct.pack(">HI", len(text), 0) + encoded
        return name_at[text]

    tree = {}
    for path, content in files.items():
        *folders, last = path.strip("/").split("/")
        node = tree
        for folder in folders:
            node = node.setdefault(folder, {})
        node[last] = content
    nodes, queue = [], [("", tree)]
    number = 1
    while queue:
        text, node = queue.pop(0)
        at = name(text) if text else 0
        if isinstance(node, dict):
            nodes.append(struct.pack(">IHII", at, 2, len(node), number))
            number += len(node)
            queue += list(node.items())
        else:
            nodes.append(struct.pack(">IHHHI", at, flags, 0, 1, len(data)))
            if flags & 1:
                node = struct.pack(">I", len(node)) + zlib.compress(node)
            data += struct.pack(">I", len(node)) + node
    times = b"\0" * 8 if version >= 2 else b""
    body = b"".join(node + times for node in nodes)
    start = 24 if version >= 3 else 20
    offsets = (start, start + len(body), start + len(body) + len(data))
    head = b"qres" + struct.pack(">4I", version, *offsets)
    head += b"\0" * (start - len(head))
    return head + body + data + names


FILES = {"/src/a/dog.jpg": b"dog", "/src/a/cat.jpg": b"cat" * 500, "/src/Ä.txt": b""}


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("flags", [0, 1], ids=["plain", "zlib"])
def test_read_resources_gives_what_was_written(version, flags):
    assert read_resources(_resources(FILES, version, flags)) == FILES


def test_read_resources_of_another_file_raises():
    with pytest.raises(ValueError, match=r"must begin with b'qres'. Got b'\\x89PNG'"):
        read_resources(b"\x89PNG\r\n")


def test_read_resources_by_zstandard_raises():
    with pytest.raises(ValueError, match="'/dog.jpg' must not be compressed by Zstand"):
        read_resources(_resources({"/dog.jpg": b"dog"}, flags=4))


@pytest.mark.parametrize(
    ("package", "version", "name"),
    [
        ("debian:kitten-data", "4:1.0-1", "kitten-data_4%3a1.0-1_all.deb"),
        ("debian:kitten", "1.0+b1", "kitten_1.0+b1_amd64.deb"),
        ("pypi:scikit-image", "0.26.0", "scikit_image-0.26.0-cp311-cp311-linux.whl"),
        ("pypi:Nikola", "8.3.3", "nikola-8.3.3-py3-none-any.whl"),
        ("pypi-source:some.thing", "2.0", "some-thing-2.0.tar.gz"),
        ("npm:tiddlywiki", "5.4.1", "tiddlywiki-5.4.1.tgz"),
    ],
)
def test_find_package_by_the_name_its_client_gives(tmp_path, package, version, name):
    registry, bare = package.split(":")
    for other in (
        name,
        name.replace(bare.lower()[:4], bare.lower()[:4] + "x"),
        name.replace(version[-1], version[-1] + "0"),
        name + ".part",
    ):
        (tmp_path / other).touch()
    assert find_package(tmp_path, package, version).name == name


@pytest.mark.parametrize(
    ("package", "command"),
    [
        ("debian:kitten", "apt-get download kitten=2.0"),
        ("pypi:kitten", "pip download --no-deps kitten==2.0"),
        ("pypi-source:kitten", "pip download --no-deps --no-binary :all: kitten==2.0"),
        ("npm:kitten", "npm pack kitten@2.0"),
    ],
)
def test_find_package_that_is_missing_says_how_to_get_it(tmp_path, package, command):
    assert fetch_command(package, "2.0") == command
    for folder in (tmp_path, tmp_path / "gone"):
        with pytest.raises(FileNotFoundError, match="kitten, version 2.0") as error:
            find_package(folder, package, "2.0")
        assert f"`{command}`" in str(error.value)


@pytest.mark.parametrize("kind", [".whl", ".tar.gz", ".tgz", ".deb"])
def test_read_files_of_every_kind(tmp_path, kind):
    path = tmp_path / f"kitten-1.0{kind}"
    packed = _resources({"/src/cat.jpg": b"miaow"}, flags=1)
    files = {"data/Big Cat.jpg": b"roar", "data/all.rcc": packed, "other": b""}
    if kind == ".whl":
        with zipfile.ZipFile(path, "w") as wheel:
            for name, content in files.items():
                wheel.writestr(name, content)
    elif kind == ".deb":
        if shutil.which("dpkg-deb") is None:
            pytest.skip("dpkg-deb is not installed")
        tree = tmp_path / "tree"
        for name, content in files.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes(content)
        (tree / "DEBIAN").mkdir()
        control = "Package: kitten\nVersion: 1.0\nArchitecture: all\n"
        control += "Maintainer: Ada <ada@example.org>\nDescription: cats\n"
        (tree / "DEBIAN" / "control").write_text(control)
        command = ["dpkg-deb", "--build", str(tree), str(path)]
        subprocess.run(command, check=True, capture_output=True)
    else:
        _tar(path, {f"kitten-1.0/{name}": content for name, content in files.items()})
    names = ["data/Big Cat.jpg", "data/all.rcc!/src/cat.jpg"]
    assert read_files(path, names) == {names[0]: b"roar", names[1]: b"miaow"}


@pytest.mark.parametrize(
    ("name", "said"),
    [("data/cow.jpg", "'data/cow.jpg'"), ("data/all.rcc!/cow.jpg", "'/cow.jpg'")],
)
def test_read_files_that_are_not_there_raises(tmp_path, name, said):
    path = tmp_path / "kitten-1.0.tgz"
    _tar(path, {"package/data/all.rcc": _resources({"/src/cat.jpg": b"miaow"})})
    with pytest.raises(KeyError, match=f"must hold {said}"):
        read_files(path, [name])


def test_registries_are_those_of_the_commands():
    assert set(_package_files.REGISTRIES) == {"debian", "pypi", "pypi-source", "npm"}
