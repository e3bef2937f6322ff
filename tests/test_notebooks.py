"""Every notebook runs over a simulated lake, from first to last cell, and is kept with its pictures."""

from pathlib import Path

import nbclient
import nbformat
import pytest
from pasts import past_day

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return past_day(tmp_path_factory)[0]


def code(notebook):
    return [cell for cell in nbformat.read(notebook, 4).cells if cell.cell_type == "code"]


def test_there_are_seven():
    assert [path.name[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04", "05", "06", "07"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(notebook, data_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("RECORDER_DATA_DIR", str(data_dir))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    run = nbformat.read(notebook, 4)
    nbclient.NotebookClient(
        run, timeout=120, resources={"metadata": {"path": str(notebook.parent)}}
    ).execute()
    shown = [cell for cell in run.cells if cell.cell_type == "code" and cell.outputs]
    assert len(shown) >= len([cell for cell in code(notebook) if cell.outputs])


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_with_pictures_and_without_an_error_or_a_warning(notebook):
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    assert [cell.execution_count for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))
    assert [output for output in outputs if output.output_type in {"error", "stream"}] == []
    assert any("image/png" in output.get("data", {}) for output in outputs)
