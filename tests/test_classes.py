import numpy as np
import pytest

from src.common import errors
from src.data import classes as class_lists


def test_ids_with_gaps_map_both_ways():
    classes = class_lists.ClassList((3, 7), ("a", "b"), ("#ff0000", "#0000ff"), ignore_id=9)
    encoded = classes.encode(np.array([[3, 7], [9, 4]], np.uint8))
    assert encoded.tolist() == [[0, 1], [class_lists.IGNORE, class_lists.UNKNOWN]]
    assert classes.decode(np.array([[1, 0]], np.uint8)).tolist() == [[7, 3]]
    assert classes.paint(np.array([[0, 1, class_lists.IGNORE]], np.uint8)).tolist() == [
        [[255, 0, 0], [0, 0, 255], [255, 255, 255]]
    ]


def test_values_are_counted_in_a_part_of_a_picture_too():
    mask = np.array([[0, 3, 3, 9], [255, 3, 0, 9]], np.uint8)
    counts = class_lists.count_values(mask[:, :3])
    assert counts[[0, 3, 9, 255]].tolist() == [2, 3, 0, 1] and counts.sum() == 6 and counts.dtype == np.int64


def test_competition_classes_without_a_file(tmp_path):
    classes = class_lists.read_classes(tmp_path)
    assert classes.mask.names[5] == "tactile paving" and classes.mask.ignore_id == 255
    assert classes.label.names == ("corner", "crossing", "sidewalk")


@pytest.mark.parametrize(
    "text",
    [
        "task,id,name,color\nmask,0,road,\nmask,9,ignore,\nlabel,2,a b,#123456\n",
        "Task; ID ;NAME; Color\n mask ; 0.0 ; road ;\nMask;9; Ignore ;\nLABEL;2,0; a b ; #123456 \n;;;\n",
        'sep=\t\ntask\tid\tname\tcolor\t\nmask\t0\t"road"\t\nmask\t 9\tIGNORE\t\nlabel\t2\ta b\t#123456\t\n',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_classes_are_read_however_they_were_saved(tmp_path, text, encoding):
    (tmp_path / "classes.csv").write_text(text, encoding=encoding)
    classes = class_lists.read_classes(tmp_path)
    assert classes.mask.ids == (0,) and classes.mask.names == ("road",) and classes.mask.ignore_id == 9
    assert (
        classes.label.ids == (2,) and classes.label.names == ("a b",) and classes.label.colors == ("#123456",)
    )


def test_a_color_may_be_unknown_and_a_name_have_two_lines(tmp_path):
    (tmp_path / "classes.csv").write_text('task,id,name,color\nmask,0,"wet\nroad",NaN\nmask,1,walk,\n')
    classes = class_lists.read_classes(tmp_path).mask
    assert classes.names == ("wet road", "walk") and classes.colors == class_lists.PALETTE[:2]


def test_class_named_ignore_is_no_class(tmp_path):
    (tmp_path / "classes.csv").write_text("task,id,name,color\nmask,11,ignore,\nmask,4,road,#123456\n")
    classes = class_lists.read_classes(tmp_path)
    assert classes.mask.ids == (4,) and classes.mask.ignore_id == 11 and classes.mask.colors == ("#123456",)
    assert len(classes.label) == 3  # a task that the file leaves out keeps its default


def test_a_reference_may_hold_ids_that_train_does_not_know(classes):
    there = classes.ignore_unknown_ids().mask.encode(np.array([0, 1, 77, 255], np.uint8))
    assert there.tolist() == [0, 1, class_lists.IGNORE, class_lists.IGNORE]
    assert classes.mask.encode(np.array([77], np.uint8)).tolist() == [class_lists.UNKNOWN]


@pytest.mark.parametrize(
    "row, word",
    [
        ("mask,x,road", "'x' in row 2"),
        ("mask,256,road", "'256' in row 2"),
        ("mask,1.5,road", "'1.5' in row 2"),
        ("mask,,road", "'' in row 2"),
        ("label,-1,unknown", "'-1' in row 2; drop the row"),
        ("mask,1,a\nmask,1.0,b", r"ids of task mask must differ.*'1' in 2 rows \(2, 3\)"),
        ("mask,1,a\nmask,2,a ", r"names of task mask must differ.*'a' in 2 rows \(2, 3\)"),
        ("mask,9,Ignore", "a class besides 'ignore'"),
    ],
)
def test_bad_ids_are_named(tmp_path, row, word):
    (tmp_path / "classes.csv").write_text(f"task,id,name\n{row}\n")
    with pytest.raises(ValueError, match=word):
        class_lists.read_classes(tmp_path)


def test_a_color_that_a_class_has_is_given_to_no_other(tmp_path):
    lines = [f"mask,{id},class {id}," for id in range(1, 10)]
    (tmp_path / "classes.csv").write_text(
        "\n".join(["task,id,name,color", "mask,0,background,#000000", *lines])
    )
    colors = class_lists.read_classes(tmp_path).mask.colors
    assert colors[:3] == ("#000000", "#56b4e9", "#e69f00") and len(set(colors)) == 10


def test_a_list_without_classes_is_refused(tmp_path):
    (tmp_path / "classes.csv").write_text("task,id,name,color\n")
    with pytest.raises(
        errors.DataError, match=r"classes\.csv must list the classes, found a head alone; add"
    ):
        class_lists.read_classes(tmp_path)


def test_bad_color_is_named(tmp_path):
    (tmp_path / "classes.csv").write_text("task,id,name,color\nmask,1,a,red\n")
    with pytest.raises(ValueError, match="'red'"):
        class_lists.read_classes(tmp_path)


@pytest.mark.parametrize("count, fits", [(254, True), (255, False)])
def test_an_8_bit_mask_has_room_for_254_classes_and_what_is_ignored(tmp_path, count, fits):
    rows = "".join(f"mask,{id},c{id}\n" for id in range(count))
    (tmp_path / "classes.csv").write_text(f"task,id,name\n{rows}mask,255,ignore\n")
    if fits:
        classes = class_lists.read_classes(tmp_path).mask
        ids = np.arange(256, dtype=np.uint8)
        assert classes.encode(ids).tolist() == [*range(254), 254, 255]
        assert classes.decode(np.arange(254, dtype=np.uint8)).tolist() == list(range(254))
    else:
        with pytest.raises(errors.DataError, match="at most 254 mask classes besides 'ignore', found 255"):
            class_lists.read_classes(tmp_path)
