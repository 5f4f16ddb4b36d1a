import ast
from pathlib import Path

LAYERS = {
    "run": 7,
    "sweep": 6,
    "results": 6,
    "submission": 5,
    "estimate": 4,
    "folds": 5,
    "scoring": 4,
    "doctor": 3,
    "archive": 2,
    "world": 3,
    "project": 4,
    "settings": 3,
    "pipeline": 6,
    "evaluation": 4,
    "stage": 5,
    "plots": 7,
    "submit": 6,
    "result": 7,
    "result_plots": 8,
    "town": 2,
    "training": 4,
    "label_head": 3,
    "record": 3,
    "predict": 3,
    "engine": 2,
    "optimizer": 2,
    "render": 1,
    "data": 2,
    "batches": 2,
    "pictures": 1,
    "split": 1,
    "augment": 1,
    "model": 1,
    "lengths": 1,
    "losses": 1,
    "metrics": 1,
    "figures": 1,
    "charts": 2,
    "words": 2,
    "widgets": 4,
    "report": 6,
    "benchmark": 4,
    "classes": 0,
    "tables": -1,
    "errors": -2,
    "files": 0,
    "headers": 0,
    "memory": 0,
    "progress": 0,
    "quality": 0,
    "cluster": 0,
    "cores": 0,
    "recipe": 0,
    "scene": 0,
    "backbone": 0,
}


def test_files_import_only_from_layers_below():
    files = {path.stem: path for path in Path("src").glob("*.py") if path.stem != "__init__"}
    assert set(files) == set(LAYERS)
    for name, path in files.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "src":
                imported = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("src."):
                imported = [node.module.split(".")[1]]
            else:
                continue
            assert all(LAYERS[other] < LAYERS[name] for other in imported), f"{name} imports {imported}"
