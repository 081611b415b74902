"""The public interface: its names, its signatures, and that importing it costs next to nothing."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
import textwrap
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import reid_tracker
from reid_tracker import (
    Config,
    DeepSortConfig,
    Pipeline,
    build_detector,
    build_encoder,
    build_tracker,
    load_config,
    open_source,
)
from reid_tracker.config import DetectorConfig, EncoderConfig
from tests.conftest import ROOT

PUBLIC = {
    "Config",
    "CrossCameraMatcher",
    "DeepSortConfig",
    "Detections",
    "Detector",
    "Encoder",
    "Frame",
    "FrameResult",
    "GalleryStore",
    "Identities",
    "IdentityEvent",
    "MatchConfig",
    "Matcher",
    "Pipeline",
    "ReidTrackerError",
    "Source",
    "Tracker",
    "Tracks",
    "VideoInfo",
    "build_detector",
    "build_encoder",
    "build_matcher",
    "build_tracker",
    "load_config",
    "open_gallery",
    "open_source",
    "track_embeddings",
}
"""Adding a name is a promise and removing one breaks users: change this list on purpose only."""

OSNETS = [
    "osnet_ain_x0_25",
    "osnet_ain_x0_5",
    "osnet_ain_x0_75",
    "osnet_ain_x1_0",
    "osnet_ibn_x1_0",
    "osnet_x0_25",
    "osnet_x0_5",
    "osnet_x0_75",
    "osnet_x1_0",
]

HEAVY = {"av", "cv2", "lap", "onnxruntime", "rich", "scipy", "supervision", "torch", "ultralytics"}

WITH_SCIPY = {
    "CrossCameraMatcher",
    "GalleryStore",
    "Matcher",
    "Pipeline",
    "Tracker",
    "build_matcher",
    "build_tracker",
    "open_gallery",
    "track_embeddings",
}
"""Names whose import loads scipy, and lap where trackers are."""

LONGEST_IMPORT_S = 0.3

Words = dict[str, Any]


def in_new_interpreter(script: str) -> Any:
    """Run a script that prints JSON and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# --- names -----------------------------------------------------------------------------------


def test_names_are_the_promised_ones() -> None:
    assert set(reid_tracker.__all__) == PUBLIC
    assert len(reid_tracker.__all__) == len(PUBLIC)
    assert set(reid_tracker._HOME) == PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_name_resolves_to_the_object_of_its_home(name: str) -> None:
    home = importlib.import_module(f"reid_tracker.{reid_tracker._HOME[name]}")
    value = getattr(reid_tracker, name)
    assert value is getattr(home, name)
    assert value is getattr(reid_tracker, name)
    assert value.__name__ == name
    assert value.__doc__
    assert name in getattr(home, "__all__", [name])


def test_star_import_gives_all_names() -> None:
    got: dict[str, Any] = {}
    exec("from reid_tracker import *", got)  # noqa: S102
    assert set(got) >= PUBLIC


def test_dir_lists_all_names_before_they_are_used() -> None:
    listed = in_new_interpreter("import json, reid_tracker; print(json.dumps(dir(reid_tracker)))")
    assert set(listed) >= {*PUBLIC, "__version__", "__doc__"}
    assert listed == sorted(listed)


@pytest.mark.parametrize("name", ["Detection", "open_sources", "torch", "__path_", "osnet_x0_25"])
def test_unknown_name_is_an_attribute_error_that_names_it(name: str) -> None:
    with pytest.raises(AttributeError, match=rf"'reid_tracker' has no attribute '{name}'"):
        getattr(reid_tracker, name)
    assert not hasattr(reid_tracker, name)
    with pytest.raises(ImportError, match=name):
        exec(f"from reid_tracker import {name}")  # noqa: S102


def test_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", reid_tracker.__version__)


def test_type_checkers_see_every_name() -> None:
    source = Path(reid_tracker.__file__).read_text(encoding="utf-8")
    guarded = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    ]
    assert len(guarded) == 1
    seen = {
        alias.asname or alias.name: statement.module
        for statement in guarded[0].body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert seen == {name: f"reid_tracker.{home}" for name, home in reid_tracker._HOME.items()}
    assert (Path(reid_tracker.__file__).parent / "py.typed").is_file()


@pytest.mark.slow
def test_osnet_exports_the_nine_networks() -> None:
    osnet = importlib.import_module("reid_tracker.osnet")
    assert set(OSNETS) <= set(osnet.__all__)
    assert sorted(osnet.OSNETS) == sorted(OSNETS)
    for name in OSNETS:
        assert getattr(osnet, name) is osnet.OSNETS[name]
    for name in osnet.__all__:
        assert hasattr(osnet, name), name


# --- signatures ------------------------------------------------------------------------------

CALLS: list[tuple[Callable[..., Any], tuple[Any, ...], Words]] = [
    (build_detector, ("yolo11n.pt",), {}),
    (build_detector, (Path("yolo11n.onnx"),), {"device": "cpu", "half": False}),
    (build_detector, (DetectorConfig(),), {"conf": 0.5, "iou": 0.6, "max_detections": 50}),
    (build_detector, ("yolo11n.pt",), {"imgsz": 640, "classes": [0]}),
    (build_detector, ("yolo11n.pt",), {"image_size": 640, "classes": "person"}),
    (build_encoder, ("osnet_x0_25",), {}),
    (build_encoder, (Path("osnet.onnx"),), {"batch_size": 8, "device": "cuda:0"}),
    (build_encoder, (EncoderConfig(),), {"half": True}),
    (build_encoder, ("weights.pth",), {"architecture": "osnet_x1_0"}),
    (build_tracker, (), {}),
    (build_tracker, ("deepsort",), {}),
    (build_tracker, (DeepSortConfig(max_age_s=2),), {}),
    (build_tracker, (), {"config": Path("my.yaml")}),
    (open_source, ("walk.mp4",), {}),
    (open_source, (0,), {}),
    (open_source, (Path("frames"),), {"stride": 2, "frame_rate": 25}),
    (load_config, (), {}),
    (load_config, ("fast",), {}),
    (load_config, ("fast", {"tracker.max_age_s": 2}), {}),
    (load_config, ("deepsort",), {"kind": DeepSortConfig}),
    (Pipeline, ("detector", "encoder"), {}),
    (Pipeline, ("detector", None), {"new_tracker": build_tracker, "frames_per_batch": 4}),
    (Pipeline, (), {"detector": "detector", "encoder": None}),
    (Pipeline.from_config, (Config(),), {}),
    (Pipeline.run, ("self", ["source"]), {}),
    (reid_tracker.Detector.detect, ("self", "image"), {"frame_index": 3}),
    (reid_tracker.Detector.detect_batch, ("self", ["image"], [3]), {}),
    (reid_tracker.Encoder.encode, ("self", "image", "boxes"), {}),
    (reid_tracker.Encoder.encode_batch, ("self", ["image"], ["boxes"]), {}),
    (reid_tracker.Tracker.update, ("self", "detections"), {}),
    (
        reid_tracker.Tracker.update,
        ("self", "detections"),
        {"embeddings": None, "timestamp_s": 0.5, "frame": None},
    ),
    (reid_tracker.Tracker.reset, ("self",), {}),
    (reid_tracker.Source.close, ("self",), {}),
]


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    CALLS,
    ids=[f"{call[0].__qualname__}-{number}" for number, call in enumerate(CALLS)],
)
def test_documented_call_fits(
    function: Callable[..., Any], arguments: tuple[Any, ...], words: Words
) -> None:
    inspect.signature(function).bind(*arguments, **words)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (build_detector, ("yolo11n.pt", 0.5)),
        (build_encoder, ("weights.pth", "osnet_x1_0")),
        (open_source, ("walk.mp4", 2)),
    ],
)
def test_options_go_by_name_only(function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="too many positional"):
        inspect.signature(function).bind(*arguments)


@pytest.mark.parametrize(
    "function",
    [build_detector, build_encoder, build_tracker, open_source, Pipeline.from_config, Pipeline.run],
)
def test_hints_are_complete_and_resolve(function: Callable[..., Any]) -> None:
    hints = typing.get_type_hints(function)
    names = set(inspect.signature(function).parameters) - {"self", "cls"}
    assert set(hints) == names | {"return"}


def test_factories_return_the_protocols() -> None:
    for factory, protocol in (
        (build_detector, reid_tracker.Detector),
        (build_encoder, reid_tracker.Encoder),
        (build_tracker, reid_tracker.Tracker),
        (open_source, reid_tracker.Source),
    ):
        assert typing.get_type_hints(factory)["return"] is protocol


def test_a_tracker_can_be_built_and_used_as_documented() -> None:
    tracker = build_tracker(DeepSortConfig(n_init=1))
    found = reid_tracker.Detections([[0, 0, 10, 20]], [0.9], [0])  # type: ignore[arg-type]
    tracks = tracker.update(found, embeddings=None, timestamp_s=0.0, frame=None)
    assert isinstance(tracks, reid_tracker.Tracks)
    assert tracks.ids.tolist() == [1]
    tracker.reset()


# --- the checked-in list -----------------------------------------------------------------------

LIST = ROOT / "tests" / "goldens" / "public_api.txt"
"""All public names with their signatures, methods and fields, as their sources have them."""

PLUGINS = sorted(
    path.stem
    for path in (Path(reid_tracker.__file__).parent / "plugins").glob("*.py")
    if path.stem not in {"__init__", "hosts"}
)


def described(node: ast.stmt, indent: str = "") -> list[str]:
    """Return the lines of a public function, class or field; none of anything else."""
    match node:
        case ast.FunctionDef(name=name) if name in {"__init__", "__call__"} or name[0] != "_":
            result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
            marks = [f"{indent}@{ast.unparse(mark)}" for mark in node.decorator_list]
            return [*marks, f"{indent}def {name}({ast.unparse(node.args)}){result}"]
        case ast.ClassDef(name=name, bases=bases) if name[0] != "_":
            inner = [line for part in node.body for line in described(part, f"{indent}    ")]
            return [f"{indent}class {name}({', '.join(map(ast.unparse, bases))})", *inner]
        case ast.AnnAssign(target=ast.Name(id=name)) if indent and name[0] != "_":
            return [f"{indent}{name}: {ast.unparse(node.annotation)}"]  # defaults are tuned
    return []


def public_interface() -> str:
    lines = []
    for name in reid_tracker.__all__:
        tree = ast.parse(textwrap.dedent(inspect.getsource(getattr(reid_tracker, name))))
        lines += described(tree.body[0])
    for plugin in PLUGINS:
        path = Path(reid_tracker.__file__).parent / "plugins" / f"{plugin}.py"
        lines.append(f"# reid_tracker.plugins.{plugin}")
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            lines += described(node)
    return "\n".join(lines) + "\n"


@pytest.mark.golden
def test_the_public_interface_is_the_listed_one() -> None:
    """A difference is a promise that changes: see *Versions and deprecation* in CONTRIBUTING.md."""
    if os.environ.get("REID_ACCEPT") == "1":
        LIST.write_text(public_interface(), encoding="utf-8")
    assert public_interface().splitlines() == LIST.read_text(encoding="utf-8").splitlines()


def test_the_list_sees_a_changed_default_and_a_lost_method() -> None:
    source = "class Tracker:\n def reset(self, hard: bool = {}) -> None: ...\n def _x(self): ..."
    one, other = (described(ast.parse(source.format(value)).body[0]) for value in (True, False))
    assert one == ["class Tracker()", "    def reset(self, hard: bool=True) -> None"]
    assert one != other


def test_the_reference_documents_every_public_name() -> None:
    page = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"^::: reid_tracker\.[\w.]*?(\w+)$", page, re.MULTILINE))
    assert set(reid_tracker.__all__) - shown == {"ReidTrackerError"}  # stands with all errors
    assert "::: reid_tracker.errors" in page


def test_the_citation_names_this_version() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {reid_tracker.__version__}\n" in text


# --- cost of the import ----------------------------------------------------------------------

LOADED = "import json, sys; print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"


def loaded_by(statement: str) -> set[str]:
    return HEAVY & set(in_new_interpreter(f"{statement}\n{LOADED}"))


def test_import_loads_nothing_heavy() -> None:
    assert loaded_by("import reid_tracker") == set()


def test_names_load_nothing_heavy_before_they_are_called() -> None:
    light = sorted(PUBLIC - WITH_SCIPY)
    assert loaded_by(f"from reid_tracker import {', '.join(light)}") == set()


@pytest.mark.slow
def test_pipeline_and_trackers_load_scipy_and_lap_alone() -> None:
    names = "Pipeline, Tracker, build_tracker"
    assert loaded_by(f"from reid_tracker import {names}") == {"lap", "scipy"}


def test_sinks_and_errors_load_nothing_heavy() -> None:
    assert (
        loaded_by("import reid_tracker.sink, reid_tracker.errors, reid_tracker.geometry") == set()
    )


def test_import_is_quick() -> None:
    script = (
        "import json, time\n"
        "wall, cpu = time.perf_counter(), time.process_time()\n"
        "import reid_tracker\n"
        "print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]))"
    )
    runs = [in_new_interpreter(script) for _ in range(5)]
    # other processes can only make a run slower, so the quickest run tells
    wall, cpu = (min(times) for times in zip(*runs, strict=True))
    assert cpu < LONGEST_IMPORT_S, runs
    assert wall < LONGEST_IMPORT_S, runs
