import bz2
import codecs
import csv
import gzip
import io
import lzma

import pytest

from sklearn_clip.datasets import load_csv_tags


def load(table, folder, **parameters):
    return load_csv_tags(io.StringIO(table), folder, missing_files="keep", **parameters)


@pytest.mark.parametrize("line", [",", ' , ""'])
def test_a_line_of_empty_cells_is_a_row(tmp_path, line):
    table = f"image,labels\na,cat\n{line}\nb,dog\n"
    found = load(table, tmp_path)
    assert found.lines.tolist() == [2, 3, 4]
    assert found.data[1].tolist() == [None, None]
    with pytest.raises(ValueError, match="must have its image.*line 3"):
        load_csv_tags(io.StringIO(table), tmp_path, missing_files="drop")


def test_blank_lines_are_skipped_and_counted(tmp_path):
    found = load("\nimage,labels\n\na,cat\n  \nb,dog\n\n", tmp_path)
    assert found.lines.tolist() == [4, 6]


@pytest.mark.parametrize(
    "mark",
    [
        "sep=;\n",
        "SEP=;\r\n",
        "\ufeffsep=; \n",
        '"sep=;"\n',
        "'sep=;';\n",
        '"sep=;";;\r\n',
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_line_that_tells_excel_the_delimiter_is_no_row(tmp_path, mark, delimiter):
    table = f"{mark}image;labels\na;cat, dog\n"
    found = load(table, tmp_path, delimiter=delimiter, separator=",")
    assert found.target_names == ["cat", "dog"]
    assert found.lines.tolist() == [3]
    found = load("sep=\t\nimage\tlabels\na\tcat\n", tmp_path)
    assert found.target_names == ["cat"]


def test_header_that_begins_with_sep_is_one(tmp_path):
    found = load("sep=,image,labels\nx,a,cat\n", tmp_path)
    assert found.target_names == ["cat"]


def test_empty_rows_above_the_header_are_none(tmp_path):
    found = load(",,\n\n, ,\nimage,labels,\na,cat,\n", tmp_path)
    assert found.target_names == ["cat"] and found.lines.tolist() == [5]
    with pytest.raises(ValueError, match="must have rows"):
        load(",,\n", tmp_path)


def test_a_cell_over_the_limit_is_named(tmp_path):
    length = csv.field_size_limit() + 1
    table = f"image,labels,text\na,cat,short\nb,dog,{'x' * length}\n"
    with pytest.raises(
        ValueError, match=r"at most 131072 .*line 3.*csv.field_size_limit"
    ):
        load(table, tmp_path, text="text")


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "latin-1"])
def test_the_mark_of_a_file_says_its_encoding(tmp_path, encoding):
    path = tmp_path / "table.csv"
    path.write_bytes(codecs.BOM_UTF8 + "image,labels\na,caf\u00e9\n".encode())
    found = load_csv_tags(path, tmp_path, missing_files="keep", encoding=encoding)
    assert found.target_names == ["caf\u00e9"]
    with open(path, encoding="utf-8") as file:
        found = load_csv_tags(file, tmp_path, missing_files="keep")
    assert found.target_names == ["caf\u00e9"]
    with (
        open(path, encoding="cp1252") as file,
        pytest.raises(ValueError, match=r"csv\). Open it with encoding='utf-8-sig"),
    ):
        load_csv_tags(file, tmp_path, missing_files="keep")


@pytest.mark.parametrize("sign", [";", "\t", "|"])
def test_another_delimiter_is_named_where_a_row_is_longer_than_the_header(
    tmp_path, sign
):
    table = f"image{sign}labels\na.png{sign}cat,dog\n"
    with pytest.raises(ValueError, match=r"must have 1 cells.* Is delimiter=.* meant"):
        load(table, tmp_path)


@pytest.mark.parametrize("header", ["image;labels", '"image";"labels"', '"a\tb"'])
def test_another_delimiter_is_named_where_a_quoted_cell_seems_to_go_on(
    tmp_path, header
):
    table = f'\n{header}\na.png;"cat, dog"\nb.png;"cat, dog,"\n'
    sign = "\t" if "\t" in header else ";"
    with pytest.raises(ValueError, match="must be doubled") as caught:
        load(table, tmp_path)
    assert str(caught.value).endswith(f"Is delimiter={sign!r} meant?")
    with pytest.raises(ValueError, match=r"line 2\). Mend the text and give it"):
        load('image,labels\na.png,"cat" dog"\n', tmp_path)


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress, gzip.compress])
def test_a_compressed_file_is_told(tmp_path, pack):
    path = tmp_path / "table.csv.packed"
    path.write_bytes(pack(b"image,labels\na,cat\n"))
    with pytest.raises(ValueError, match="Got a workbook or an archive .*unpack"):
        load_csv_tags(path, tmp_path)


@pytest.mark.parametrize("suffix", ["jsonl", "ndjson"])
def test_lines_of_json_are_told(tmp_path, suffix):
    path = tmp_path / f"table.{suffix}"
    path.write_text('{"image": "a", "labels": ["cat"]}\n' * 2)
    with pytest.raises(ValueError, match=rf"Got JSON \(table.{suffix}\)"):
        load_csv_tags(path, tmp_path)


@pytest.mark.parametrize("mark", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x1f\x8b"])
def test_a_workbook_or_archive_is_told(tmp_path, mark):
    path = tmp_path / "table.csv"
    path.write_bytes(mark + b"\x99\xff" * 40)
    with pytest.raises(ValueError, match="a text. Got a workbook or an archive .*CSV"):
        load_csv_tags(path, tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_utf_16_without_its_mark_is_told(tmp_path, encoding):
    path = tmp_path / "table.csv"
    path.write_bytes("image,labels\na,cat\n".encode("utf-16-le"))
    with pytest.raises(ValueError, match=r"null character .*line 1.*utf-16-le"):
        load_csv_tags(path, tmp_path, encoding=encoding)
    found = load_csv_tags(path, tmp_path, encoding="utf-16-le", missing_files="keep")
    assert found.target_names == ["cat"]


def test_cells_in_apostrophes_are_read(tmp_path):
    table = "'id','image','labels'\n1,'a','cat, dog'\n2,'b','farmer''s dog'\n"
    found = load(table, tmp_path, separator=", ")
    assert found.target_names == ["cat", "dog", "farmer's dog"]
    assert found.target.tolist() == [[1, 1, 0], [0, 0, 1]]
    # One apostrophe is part of a name, and so are those of cells below.
    found = load("image,labels\na,'cat'\nb,dog's\n", tmp_path)
    assert found.target_names == ["'cat'", "dog's"]
    with pytest.raises(ValueError, match="breaks off.*line 3"):
        load("'image','labels'\n'a','cat'\n'b','dog's ball'\n", tmp_path)
