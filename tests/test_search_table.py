import numpy as np
import pandas as pd
import pytest

from src.figures import search_table
from src.figures.search_table import SearchTable


@pytest.fixture
def table():
    frame = pd.DataFrame(
        {
            "photo": ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/<2>.jpg"],
            "label": ["crossing", "sidewalk", "Crossing", "sidewalk"],
            "mean IoU %": [61.26, np.nan, 8.5, 70.0],
        },
        index=pd.RangeIndex(4, name="frame"),
    )
    return SearchTable(frame, "mean IoU %")


def test_the_rows_that_hold_all_words_are_found(table):
    table.words.value = "cross"
    assert table.find().index.tolist() == [2, 0]
    table.words.value = "CROSSING a/"
    assert table.find().index.tolist() == [0]
    table.words.value = "61.3"
    assert table.find().index.tolist() == [0]
    table.words.value = "a.1"  # not a pattern, which would find a/1.jpg
    assert table.find().empty
    table.words.value = "nowhere"
    assert table.find().empty and "0 of 4 rows" in table.body.value


def test_rows_are_sorted_by_numbers_and_those_without_one_come_last(table):
    assert table.find().index.tolist() == [2, 0, 3, 1]  # 8.5 is less than 61.3
    table.reverse.value = True
    assert table.find().index.tolist() == [3, 0, 2, 1]
    table.order.value = "frame"
    assert table.find().index.tolist() == [3, 2, 1, 0]
    table.reverse.value = False
    table.order.value = "label"
    assert table.find().index.tolist() == [2, 0, 1, 3]  # of equal ones the first comes first


def test_at_most_so_many_rows_are_shown(table, monkeypatch):
    monkeypatch.setattr(search_table, "SHOWN", 3)
    table.words.value = "jpg"
    assert "4 of 4 rows, the first 3 of them shown" in table.body.value
    assert table.body.value.count("<tr") == 1 + 3  # names of the columns, rows
    assert "a/2.jpg" not in table.body.value and "b/&lt;2&gt;.jpg" in table.body.value


def test_a_plain_table_stands_where_there_are_no_widgets(table):
    bundle = table._repr_mimebundle_()
    assert set(bundle) == {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"}
    assert "<td>8.5</td>" in bundle["text/html"] and "<script" not in bundle["text/html"]
    assert "NaN" not in bundle["text/html"] and "b/1.jpg" in bundle["text/plain"]
