"""Files out of packages as they are downloaded (.deb, .whl, .tar.gz, .tgz)."""

import re
import struct
import subprocess
import tarfile
import zipfile
import zlib
from pathlib import Path

# How a package is fetched: the ordinary client of its registry, by name and version.
REGISTRIES = {
    "debian": "apt-get download {name}={version}",
    "pypi": "pip download --no-deps {name}=={version}",
    "pypi-source": "pip download --no-deps --no-binary :all: {name}=={version}",
    "npm": "npm pack {name}@{version}",
}


def fetch_command(package, version):
    """Say how a package is downloaded.

    Parameters
    ----------
    package : str
        The registry (``debian``, ``pypi``, ``pypi-source`` for the source archive, or
        ``npm``), a colon and the name.
    version : str

    Returns
    -------
    str
        A command line that leaves the package in the working folder.
    """
    registry, name = package.split(":", 1)
    return REGISTRIES[registry].format(name=name, version=version)


def find_package(folder, package, version):
    """Find the file of a downloaded package.

    Parameters
    ----------
    folder : str or path-like
        Where the packages were downloaded to.
    package, version : str
        As for `fetch_command`.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FileNotFoundError
        If it is not there; the message says how to get it.
    """
    registry, name = package.split(":", 1)
    if registry == "debian":
        # apt writes the colon of an epoch as %3a.
        pattern = rf"{re.escape(name)}_{re.escape(version.replace(':', '%3a'))}_.*\.deb"
    else:
        # A project's dashes are underscores in a wheel's name.
        words = "[-_.]".join(re.escape(word) for word in re.split("[-_.]", name))
        pattern = rf"{words}-{re.escape(version)}(-.*\.whl|\.tar\.gz|\.tgz)"
    folder = Path(folder)
    found = sorted(
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if re.fullmatch(pattern, path.name, re.IGNORECASE)
    )
    if not found:
        raise FileNotFoundError(
            f"The folder '{folder}' must hold the package {name}, version {version}. "
            f"Get it there by `{fetch_command(package, version)}`."
        )
    return found[0]


def read_files(path, names):
    """Read files out of a package.

    Parameters
    ----------
    path : str or path-like
        A .deb, .whl, .tar.gz or .tgz.
    names : iterable of str
        Paths inside the package, without the top folder of a source archive. After an
        exclamation mark, a path inside a file of Qt resources.

    Returns
    -------
    dict of str to bytes
        The content of each of `names`.

    Raises
    ------
    KeyError
        If the package does not hold one of them.
    """
    path, names = Path(path), list(names)
    wanted = {name.split("!")[0] for name in names}
    if path.suffix == ".whl":
        files = _from_zip(path, wanted)
    elif path.suffix == ".deb":
        files = _from_deb(path, wanted)
    else:
        with tarfile.open(path) as archive:
            files = _from_tar(archive, wanted, lambda name: name.partition("/")[2])
    resources = {}
    for name in names:
        outer, _, inner = name.partition("!")
        if outer not in files:
            raise KeyError(f"The package '{path}' must hold {outer!r}.")
        if inner and outer not in resources:
            resources[outer] = read_resources(files[outer])
        if inner and inner not in resources[outer]:
            raise KeyError(f"{outer!r} of the package '{path}' must hold {inner!r}.")
    return {
        name: resources[name.split("!")[0]][name.split("!")[1]]
        if "!" in name
        else files[name]
        for name in names
    }


def _from_zip(path, wanted):
    with zipfile.ZipFile(path) as archive:
        held = wanted & set(archive.namelist())
        return {name: archive.read(name) for name in held}


def _from_deb(path, wanted):
    command = ["dpkg-deb", "--fsys-tarfile", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as unpacking:
        with tarfile.open(fileobj=unpacking.stdout, mode="r|") as archive:
            files = _from_tar(archive, wanted, lambda name: name.removeprefix("./"))
        unpacking.stdout.read()  # to its end, or dpkg-deb would be cut off
    return files


def _from_tar(archive, wanted, place):
    """Read what is wanted in one pass (a stream cannot go back)."""
    files = {}
    for member in archive:
        name = place(member.name)
        if name in wanted and member.isfile():
            files[name] = archive.extractfile(member).read()
    return files


def read_resources(content):
    """Read a file of Qt resources.

    Parameters
    ----------
    content : bytes
        What ``rcc --binary`` has written.

    Returns
    -------
    dict of str to bytes
        The files in it by their paths, which begin with a slash.

    Raises
    ------
    ValueError
        If it is no such file, or a file in it is compressed otherwise than by zlib.
    """
    if content[:4] != b"qres":
        raise ValueError(f"Qt resources must begin with b'qres'. Got {content[:4]!r}.")
    # Big-endian: version, then where the tree, the files and the names begin.
    version, tree, data, names = struct.unpack_from(">4I", content, 4)
    # A node: name, flags, then (number of children, first child) or (country,
    # language, file); from version 2 on, 8 bytes of time.
    node_size = 14 if version < 2 else 22
    files = {}

    def name_of(node):
        start = names + struct.unpack_from(">I", content, node)[0]
        (length,) = struct.unpack_from(">H", content, start)  # then a hash of 4 bytes
        return content[start + 6 : start + 6 + 2 * length].decode("utf-16-be")

    def walk(number, folder):
        node = tree + number * node_size
        (flags,) = struct.unpack_from(">H", content, node + 4)
        path = f"{folder}/{name_of(node)}" if number else folder
        if flags & 2:  # a folder
            children, first = struct.unpack_from(">2I", content, node + 6)
            for child in range(first, first + children):
                walk(child, path)
            return
        start = data + struct.unpack_from(">I", content, node + 10)[0]
        (length,) = struct.unpack_from(">I", content, start)
        packed = content[start + 4 : start + 4 + length]
        if flags & 4:
            raise ValueError(f"{path!r} must not be compressed by Zstandard.")
        # zlib's stream follows 4 bytes of the size before compression.
        files[path] = zlib.decompress(packed[4:]) if flags & 1 else packed

    walk(0, "")
    return files
