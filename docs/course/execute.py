"""Run the notebooks of the course, each in a fresh kernel, and keep what comes out: ``python docs/course/execute.py [names]``.

`tests/docs/test_course.py` runs them again and compares. A cell that draws has its alternative text as metadata ("alt").
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
SECONDS = 600
"""For one cell, on a busy machine."""

QUIET = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Environment of the kernels: a thread each."""


def executed(path, folder):
    """The notebook as a run in a folder leaves it."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    # a backend that was chosen for scripts shows nothing in a notebook
    kept_from_here = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    paths = os.pathsep.join(filter(None, [str(HERE.parents[1]), os.environ.get("PYTHONPATH")]))
    client = NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": folder}})
    client.execute(env={**kept_from_here, **QUIET, "PYTHONPATH": paths})
    return plain(notebook)


def plain(notebook):
    """Without what differs from run to run and says nothing: times, and versions of the kernel."""
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    for k, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{k}"
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell["outputs"] = kept(cell["outputs"])
    return notebook


def kept(outputs):
    """Outputs without bars of progress and remarks on compiling, which are there or not by the machine; texts in one piece."""
    import nbformat

    bars = [o for o in outputs if o.output_type == "display_data" and "HTML object" in o.data.get("text/plain", "")]
    stay = [o for o in outputs if o not in bars and o.get("name") != "stderr"]
    text = "".join(o.text for o in stay if o.output_type == "stream")
    said = [nbformat.v4.new_output("stream", text=text)] if text else []
    rest = [o for o in stay if o.output_type != "stream"]
    for output in rest:
        if output.output_type != "error":
            output["metadata"] = {}
    return said + rest


def main():
    """Run those named, or all."""
    import tempfile

    import nbformat

    for path in sorted(HERE.glob("*.ipynb")):
        if sys.argv[1:] and path.stem not in sys.argv[1:]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            nbformat.write(executed(path, folder), path)
        print(path.name, flush=True)


if __name__ == "__main__":
    main()
