import io

import pytest

from sklearn_clip.datasets import load_csv_tags


@pytest.mark.parametrize("label", ["image", "text"])
def test_a_frame_refuses_a_label_called_as_its_column(tmp_path, label):
    def load(**parameters):
        table = io.StringIO(f"image,labels\na,{label} cat\nb,cat\n")
        return load_csv_tags(table, tmp_path, missing_files="keep", **parameters)

    with pytest.raises(ValueError, match=f"'{label}' .*return_X_y=True"):
        load(as_frame=True)
    assert sorted(load().target_names) == sorted([label, "cat"])
    X, Y = load(as_frame=True, return_X_y=True)
    assert list(X.columns) == ["image", "text"] and label in Y.columns
