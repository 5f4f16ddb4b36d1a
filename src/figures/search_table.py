"""A table that a person can search and sort in a notebook."""

import ipywidgets
import numpy as np
import pandas as pd

from src.figures.widgets import NO_MATH

SHOWN = 30  # rows at a time


class SearchTable:
    """Shows the rows of a table that hold some words, sorted by a column, SHOWN rows at most.

    Where there are no widgets, as on GitHub, the first rows stand there as a plain table.

    Args:
        table: with a named index.
        order: column that it is sorted by at first, the lowest value first.
    """

    def __init__(self, table: pd.DataFrame, order: str):
        self.table = table
        self.texts = table.map(_format_cell)
        self.lines = self.texts.agg(" ".join, axis=1).str.lower()
        columns = [table.index.name, *table.columns]
        self.words = ipywidgets.Text(description="search", placeholder="words of a row")
        self.order = ipywidgets.Dropdown(options=columns, value=order, description="sort by")
        self.reverse = ipywidgets.Checkbox(description="highest first", indent=False)
        self.body = ipywidgets.HTML()
        self.body.add_class("jp-RenderedHTMLCommon")  # looks like JupyterLab's other tables
        for control in (self.words, self.order, self.reverse):
            control.observe(self._draw, "value")
        controls = ipywidgets.HBox([self.words, self.order, self.reverse])
        self.box = ipywidgets.VBox([controls, self.body])
        self._draw()

    def __repr__(self) -> str:
        return self.find().head().to_string()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """Gives a notebook the widget, and a plain table for where there are none."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        return {
            "application/vnd.jupyter.widget-view+json": view,
            "text/html": self._write(),
            "text/plain": repr(self),
        }

    def find(self) -> pd.DataFrame:
        """Finds the rows that hold all words, in the chosen order; numbers are texts with one decimal."""
        found = pd.Series(True, index=self.table.index)
        for word in self.words.value.lower().split():
            found &= self.lines.str.contains(word, regex=False)
        chosen = self.table[found]
        ordered = chosen.sort_values(self.order.value, ascending=not self.reverse.value, kind="stable")
        return self.texts.loc[ordered.index]

    def _draw(self, _: object = None) -> None:
        self.body.value = self._write()

    def _write(self) -> str:
        """Writes the number of rows and the first of them, in HTML."""
        rows = self.find()
        count = f"{len(rows)} of {len(self.table)} rows"
        if len(rows) > SHOWN:
            count += f", the first {SHOWN} of them shown"
        table = rows.head(SHOWN).reset_index().to_html(index=False, border=0, classes=NO_MATH)
        return f"<p>{count}</p>{table}"


def _format_cell(value: object) -> str:
    """Writes a cell: a number with one decimal, nothing for NaN."""
    if not isinstance(value, float):
        return str(value)
    return "" if np.isnan(value) else f"{value:.1f}"
