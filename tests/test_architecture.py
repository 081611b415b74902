"""The house rules that a machine can check: imports, sizes, names, docstrings and tests."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tokenize
import tomllib
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "reid_tracker"

FENCES: dict[str, tuple[str, ...]] = {
    "PIL": ("plugins/torchreid.py",),
    "av": ("video/*", "sink/*"),
    "cv2": (
        "video/*",
        "encode/*",
        "sink/*",
        "train/*",
        "explain/*",
        "track/camera_motion.py",
    ),
    "faiss": ("match/gallery/vector_index.py",),
    "fastapi": ("encode_server/app.py", "encode_server/forms.py", "encode_server/server.py"),
    "h5py": ("train/datasets/cuhk03.py",),
    "msgspec": ("transport/wire/*",),
    "lap": ("track/assignment.py",),
    "matplotlib": ("explain/sheet.py",),
    "nats": ("transport/brokers/nats*.py",),
    "nncf": ("encode/export.py",),
    "norfair": ("plugins/norfair.py",),
    "onnx": ("osnet/onnx_weights.py", "encode/export.py", "plugins/ultralytics.py"),
    "onnxruntime": ("encode/onnx_backend.py",),
    "openvino": ("encode/openvino_backend.py", "encode/export.py", "train/detector/teach.py"),
    "optuna": ("run/tune.py",),
    "rich": ("cli/*",),
    "shtab": ("cli/commands/completion.py",),
    "paho": ("transport/brokers/mqtt.py",),
    "pgvector": ("match/gallery/postgres/*",),
    "prometheus_client": ("monitor/metrics.py",),
    "psycopg": ("match/gallery/postgres/*",),
    "pyarrow": ("sink/text/parquet.py",),
    "pydantic": ("encode_server/app.py",),
    "pytorch_metric_learning": ("train/losses/metric.py",),
    "scipy": (
        "track/*",
        "match/*",
        "evaluate/*",
        "explain/gates.py",
        "train/datasets/cuhk03.py",
        "train/detector/calibrate.py",
    ),
    "sklearn": ("explain/embedding_map.py",),
    "starlette": ("encode_server/forms.py", "encode_server/guard.py"),
    "supervision": ("sink/*", "plugins/supervision.py", "plugins/trackers.py"),
    "timm": ("encode/timm_backbone.py",),
    "trackeval": ("evaluate/engine.py",),
    "torch": (
        "osnet/*",
        "device/*",
        "detect/tensors.py",
        "detect/ultralytics_backend.py",
        "encode/tensors.py",
        "encode/torch_backend.py",
        "train/*",
        "explain/*",
        "plugins/torchreid.py",
        "plugins/ultralytics.py",
    ),
    "torchcodec": ("video/on_device/source.py",),
    "torchvision": ("detect/ultralytics_backend.py",),
    "trackers": ("plugins/trackers.py",),
    "typing_extensions": ("osnet/variants.py",),
    "ultralytics": ("detect/ultralytics_backend.py", "plugins/ultralytics.py"),
    "uvicorn": ("encode_server/server.py",),
    "yaml": ("config/safe_yaml.py", "train/detector/export.py"),
}
"""Files that may import a package, at the top or inside a function; numpy may be used anywhere."""

FOUNDATION: dict[str, set[str]] = {
    "__init__.py": set(),
    "errors.py": set(),
    "overlap.py": set(),
    "resources.py": set(),
    "arrays.py": {"numpy"},
    "sqlite.py": set(),
    "types.py": {"numpy"},
    "geometry.py": {"numpy"},
    "config/files.py": set(),
    "config/safe_yaml.py": {"yaml"},
    "pipeline.py": {"numpy"},
}
"""Files that import no other third-party package than these."""

LARGEST_FILE_MEDIAN = 150
LARGEST_FUNCTION_MEDIAN = 18
LARGEST_FOLDER = 20
GUIDES = "guides: 400 lines a file, 60 lines a function; the medians and ruff's C90 are checked"

Function = ast.FunctionDef | ast.AsyncFunctionDef

FILES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {
    name: ast.parse(path.read_text(encoding="utf-8"), str(path)) for name, path in FILES.items()
}


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield every imported top-level package with its line, wherever the import stands."""
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                for alias in node.names:
                    yield alias.name.partition(".")[0], node.lineno
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0], node.lineno
            case ast.Call(func=function, args=[ast.Constant(value=str(module)), *_]):
                if called(function) in {"import_module", "__import__", "find_spec", "importorskip"}:
                    yield module.partition(".")[0], node.lineno


def called(function: ast.expr) -> str:
    """Return the last name of what is called: `load` of `torch.load`."""
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def third_party() -> Iterator[tuple[str, str, int]]:
    """Yield file, package and line of every import from outside Python and this package."""
    for name, tree in TREES.items():
        for package, line in imports(tree):
            if package not in sys.stdlib_module_names and package != "reid_tracker":
                yield name, package, line


def test_there_is_something_to_check() -> None:
    assert len(FILES) > 40
    assert set(FOUNDATION) <= set(FILES)


def test_import_contracts() -> None:
    pytest.importorskip("importlinter")
    command = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"
    done = subprocess.run(
        [sys.executable, "-c", command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "0 broken" in done.stdout


def test_the_document_names_every_room() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    block = text.partition("```text\nreid_tracker/\n")[2].partition("\n```")[0]
    room, named = "", []
    for line in block.partition("\nconfigs/")[0].splitlines():
        found = re.match(r"( +)([\w.]+/?) ", line)
        if found is not None:
            inner = len(found[1]) > 2
            named.append(f"{room}{found[2]}" if inner else found[2])
            room = room if inner else found[2]
    rooms = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("__init__.py")]
    deep = ("match/gallery/", "cli/commands/")  # their folders stand in one line
    exist = {name.removesuffix("__init__.py") for name in rooms if not name.startswith(deep)}
    exist |= {name for name in FILES if "/" not in name} | set(deep)
    assert len(named) == len(set(named))
    assert set(named) == exist - {"", "__init__.py"}


def test_the_document_names_the_layers_of_the_contract() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.partition("| Layer, top first | Rooms |")[2].partition("\n\n")[0]
    rows = [re.sub(r"\(.*?\)", "", row) for row in table.strip().splitlines()[1:]]
    told = [sorted(re.findall(r"`(\w+)`", row)) for row in rows]
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    assert told == [sorted(re.findall(r"reid_tracker\.(\w+)", layer)) for layer in layers]


def test_heavy_packages_stay_behind_their_fences() -> None:
    outside = [
        f"reid_tracker/{name}:{line} imports {package}, allowed in {FENCES.get(package, ())}"
        for name, package, line in third_party()
        if package != "numpy" and not any(fnmatch(name, rule) for rule in FENCES.get(package, ()))
    ]
    assert not outside, "\n".join(outside)


def test_fences_name_only_what_exists() -> None:
    used = {(package, name) for name, package, _ in third_party()}
    stale = [
        f"{package}: {rule}"
        for package, rules in FENCES.items()
        for rule in rules
        if not any(package == used_package and fnmatch(name, rule) for used_package, name in used)
    ]
    assert not stale, f"no file needs these permissions any more: {stale}"


@pytest.mark.parametrize("name", FOUNDATION)
@pytest.mark.slow
def test_foundation_imports_no_more_than_it_says(name: str) -> None:
    assert {package for file, package, _ in third_party() if file == name} <= FOUNDATION[name]


def test_the_fences_see_every_kind_of_import() -> None:
    source = """
import torch.nn as nn, cv2
from av.container import InputContainer
from . import torch_backend
def lazy():
    from ultralytics import YOLO
    importlib.import_module("supervision.draw")
    find_spec("timm")
"""
    found = [package for package, _ in imports(ast.parse(source))]
    assert sorted(found) == ["av", "cv2", "supervision", "timm", "torch", "ultralytics"]


@pytest.mark.parametrize("name", FILES)
def test_module_has_a_docstring_whose_first_line_says_what_it_is_for(name: str) -> None:
    docstring = ast.get_docstring(TREES[name])
    assert docstring, f"reid_tracker/{name} has no docstring"
    assert docstring.splitlines()[0].strip()


def test_nothing_prints_outside_the_command_line() -> None:
    prints = [
        f"reid_tracker/{name}:{node.lineno}"
        for name, tree in TREES.items()
        if not name.startswith("cli/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called(node.func) in {"print", "pprint"}
    ]
    assert not prints, f"use logging: {prints}"


def test_torch_loads_weights_only() -> None:
    careless, careful = [], 0
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr="load")):
                    safe = [ast.dump(word.value) for word in node.keywords if is_weights_only(word)]
                    careful += bool(safe)
                    careless += [] if safe else [f"reid_tracker/{name}:{node.lineno}"]
                case ast.ImportFrom(module="torch", names=names):
                    careless += [f"{name}: from torch import load"] * any(
                        alias.name == "load" for alias in names
                    )
    assert not careless, f"torch.load without weights_only=True runs code of the file: {careless}"
    assert careful, "no torch.load was found at all: is this test still looking at the right thing?"


def is_weights_only(word: ast.keyword) -> bool:
    return (
        word.arg == "weights_only"
        and isinstance(word.value, ast.Constant)
        and word.value.value is True
    )


def test_arguments_and_attributes_are_written_out() -> None:
    packed = []
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            match node:
                case ast.Starred(value=ast.Tuple()) if is_argument(node, tree):
                    packed.append(f"reid_tracker/{name}:{node.lineno} a starred tuple of arguments")
                case ast.Assign(targets=[ast.Tuple(elts=elements)]) if len(elements) > 3 and all(
                    isinstance(one, ast.Attribute) for one in elements
                ):
                    packed.append(f"reid_tracker/{name}:{node.lineno} many attributes at once")
    assert not packed


def is_argument(starred: ast.Starred, tree: ast.AST) -> bool:
    return any(isinstance(node, ast.Call) and starred in node.args for node in ast.walk(tree))


def test_nothing_unpickles() -> None:
    unpickling = {"pickle", "dill", "joblib", "shelve"}
    assert not [n for n, tree in TREES.items() if unpickling & {p for p, _ in imports(tree)}]


def length(node: ast.AST) -> int:
    """Return the number of source lines of a class or function."""
    assert isinstance(node, Function | ast.ClassDef)
    return (node.end_lineno or node.lineno) - node.lineno + 1


def public(tree: ast.Module) -> Iterator[tuple[str, Function | ast.ClassDef]]:
    """Yield public classes, functions and methods with their dotted names."""
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, node
            for inner in node.body if isinstance(node, ast.ClassDef) else []:
                if isinstance(inner, Function) and not inner.name.startswith("_"):
                    yield f"{node.name}.{inner.name}", inner


def test_files_are_short() -> None:
    lines = []
    for path in FILES.values():
        with tokenize.open(path) as file:
            lines.append(sum(1 for _ in file))
    assert median(lines) <= LARGEST_FILE_MEDIAN, GUIDES


def test_functions_are_short() -> None:
    nodes = [node for tree in TREES.values() for node in ast.walk(tree)]
    assert (
        median(length(node) for node in nodes if isinstance(node, Function))
        <= LARGEST_FUNCTION_MEDIAN
    ), GUIDES


def test_folders_are_small() -> None:
    sizes = Counter(Path(name).parent.as_posix() for name in FILES)
    large = {folder: count for folder, count in sizes.items() if count > LARGEST_FOLDER}
    assert not large, f"more than {LARGEST_FOLDER} files: {large}"


def test_one_name_means_one_class_or_type() -> None:
    places: dict[str, list[str]] = {}
    for file, tree in TREES.items():
        for name, node in public(tree):
            if isinstance(node, ast.ClassDef):
                places.setdefault(name, []).append(file)
        aliases = [line.targets[0] for line in tree.body if isinstance(line, ast.Assign)]
        for alias in aliases:
            if isinstance(alias, ast.Name) and re.match("[A-Z]+[a-z]", alias.id):
                places.setdefault(alias.id, []).append(file)
    twice = {name: files for name, files in places.items() if len(files) > 1}
    assert not twice, f"classes or types of the same name: {twice}"


def test_public_names_have_docstrings_and_hints() -> None:
    bare = []
    for file, tree in TREES.items():
        for name, node in public(tree):
            if not ast.get_docstring(node) and not overloads(node):
                bare.append(f"reid_tracker/{file}:{node.lineno} {name} has no docstring")
            if isinstance(node, Function) and not hinted(node):
                bare.append(f"reid_tracker/{file}:{node.lineno} {name} lacks type hints")
    assert not bare, "\n".join(bare)


def overloads(node: ast.AST) -> bool:
    return any(
        called(decorator) in {"overload", "setter"}
        for decorator in getattr(node, "decorator_list", [])
    )


def hinted(node: Function) -> bool:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    arguments += [argument for argument in (node.args.vararg, node.args.kwarg) if argument]
    return node.returns is not None and all(
        argument.annotation or argument.arg in {"self", "cls"} for argument in arguments
    )


def test_no_test_depends_on_how_fast_the_machine_is() -> None:
    """A sleep says in a comment why it must be, and no limit of the clock is below 5 s."""
    sleep = re.compile(r"\bsleep\((?!.*  # )")
    clock = r"(monotonic|perf_counter|took_s|seconds)"
    limit = re.compile(rf"assert.*{clock}.* < [0-4](\.\d+)?(?! [+*]|[\d.])")
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if "benchmarks" not in path.parts and path.name not in {"waiting.py", Path(__file__).name}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if sleep.search(line) or limit.search(line)
    ]
    assert not wrong, "wait for a condition, see tests/waiting.py:\n" + "\n".join(wrong)


def test_every_module_has_a_test_file_of_its_name() -> None:
    missing = [
        name
        for name in FILES
        if not name.endswith("__.py")
        and not (ROOT / "tests" / Path(name).with_name(f"test_{Path(name).name}")).is_file()
    ]
    assert not missing, f"no tests/<folder>/test_<module>.py for {missing}"
