"""Version 0.1 promised these commands, outputs, keys and names in its README; they keep working."""

from __future__ import annotations

import itertools
import shlex
import shutil
import signal
from contextlib import suppress
from pathlib import Path

import av
import pytest

import reid_tracker
from reid_tracker.cli.main import main, parser_of
from reid_tracker.config import Config
from reid_tracker.config.checked import to_yaml
from reid_tracker.config.docs import keys_of
from reid_tracker.errors import StoreError
from reid_tracker.match.gallery.open import open_to_read
from tests.cli.runs import Run
from tests.conftest import ROOT
from tests.train.detector.samples import tiny_recipe
from tests.train.samples import person, write_image
from tests.transport.servers import nats_server

FRAMES = 30

COMMANDS = """\
track video.mp4
track entrance.mp4 hall.mp4 yard.mp4
track rtsp://user:password@192.0.2.7/stream
track cameras.yaml --config rtsp
track 0 --show
track frames/ --save-csv --save-crops
track video.mp4 --config my.yaml --set tracker.max_age_s=5 --overwrite --output results
track video.mp4 --encoder osnet_ain_x1_0_msmt17 --detector yolo11n.pt
track entrance.mp4 hall.mp4 yard.mp4 --topology site.yaml --set match.learn_links=0
track entrance.mp4 hall.mp4 yard.mp4 --ground floor.yaml
track entrance.mp4 hall.mp4 yard.mp4 --save-crops --save-csv -o results --save-parquet
track entrance.mp4 hall.mp4 --no-mosaic --no-save-pictures --no-save-video
track a.mp4 --gallery people.sqlite --start-time 2026-11-24T18:30 --store-crops
track rtsp://192.0.2.7/stream --gallery postgresql://me@host/people --site north
weights list
weights pull yolo11s osnet_ain_x1_0_msmt17
weights verify
train paper_scratch --data Market-1501-v15.09.15
train paper_finetune --data people/ --set data.name=folder --set model.weights=start.pth
train paper_scratch --data Market-1501-v15.09.15 --resume
train osnet_x0_25_step1 osnet_x0_25_step2 osnet_x0_5_step6
train-detector my_recipe.yaml --openvino
eval-reid Market-1501-v15.09.15 --encoder runs/train-paper_scratch/model.pth
eval-mtmc truth.txt result.txt
ground entrance.mp4 --save floor.yaml
ground hall.mp4 --save floor.yaml --points "102,520=0,0 640,505=4,0 590,300=4,6 210,310=0,6"
ground yard.mp4 --save floor.yaml --calibration yard.xml
calibrate entrance.mp4 hall.mp4 --save site-match.yaml
calibrate --labelled people/
search 12 --gallery people.sqlite
search person.jpg --gallery people.sqlite --since 2h
search hall.mp4@1:05 --person 2 --gallery people.sqlite --sheet found.png
central --broker tls://h:4222 --site hall --encoder a.onnx --gallery postgresql://reid@db/people \
--topology site.yaml --status 127.0.0.1:9101 --json-logs --status-token-file token
central --broker nats://127.0.0.1:4222 --gallery people.sqlite --site a --site b --fingerprint ff
edge cameras.yaml --broker nats://127.0.0.1:4222 --site north --edge gate-host
edge cameras.yaml --config edge --broker tls://h:4222 --credentials edge.credentials \
--status 127.0.0.1:9100 --json-logs
edge door.mp4 --broker nats://127.0.0.1:4222 --start-time 2026-11-24T18:30
edge door.mp4 --send-pictures --blur-heads --spool FILE --output FOLDER --no-save-video --save-csv
edge door.mp4 --output FOLDER --no-identities --rotate-h 2 --delete-after-h 72
explain Market-1501 --encoder osnet_x1_0_market.pth
explain people/ --encoder my.onnx --only ranked map
explain --curves runs/train-first runs/train-second
"""

KEYS = """\
central.edge_gone_s central.window_s edge.drain_s edge.report_every_s edge.status_every_s
gallery.max_waiting match.learn_links match.loose match.margin match.memory_s match.min_hits
match.patience_s match.prototypes output.blur_heads tracker.max_age_s transport.ack_wait_s
transport.spool_age_h transport.spool_bytes
"""

SITE = """\
passages:
- between: [entrance, hall]
  min_s: 2
  max_s: 30
- between: [hall, hall-east]
  overlap: true
returning_s: 60
unlisted: closed
"""


@pytest.mark.parametrize("line", COMMANDS.replace("\\\n", "").splitlines())
def test_commands_are_understood(line: str) -> None:
    command, *words = shlex.split(line)
    parser_of(command).parse(words)


@pytest.mark.parametrize("key", KEYS.split())
def test_keys_exist(key: str) -> None:
    section, name = key.split(".")
    assert name in keys_of(type(getattr(Config(), section)))


def test_public_names() -> None:
    from reid_tracker import explain, osnet
    from reid_tracker.match import CrossCameraMatcher

    for name in ("build_detector", "build_encoder", "build_tracker", "open_source"):
        assert callable(getattr(reid_tracker, name))
    assert callable(CrossCameraMatcher.update_tracklets)
    assert callable(osnet.osnet_x0_25)
    assert explain.__all__


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first second of the demo clip."""
    path = tmp_path_factory.mktemp("clip") / "video.mp4"
    with av.open(str(ROOT / "demo" / "pedestrians.mp4")) as source, av.open(path, "w") as target:
        pictures = source.streams.video[0]
        stream = target.add_stream("mpeg4", rate=pictures.average_rate)
        stream.width, stream.height = pictures.width, pictures.height
        stream.bit_rate = 8_000_000
        stream.pix_fmt = "yuv420p"
        for number, frame in enumerate(source.decode(pictures)):
            if number == FRAMES:
                break
            target.mux(stream.encode(frame.reformat(format="yuv420p")))
        target.mux(stream.encode())
    return path


@pytest.fixture
def folder(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three cameras, in which commands run."""
    for name in ("video", "entrance", "hall", "yard"):
        (tmp_path / f"{name}.mp4").symlink_to(clip)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(line: str) -> None:
    assert main([*shlex.split(line), "--quiet"]) == 0


def answer(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what a command prints."""
    capsys.readouterr()
    assert main(shlex.split(line)) == 0
    return capsys.readouterr().out


@pytest.mark.slow
def test_outputs_of_one_camera(folder: Path) -> None:
    run("video.mp4 --save-csv --save-crops -o results --set tracker.n_init=2")
    names = {path.name for path in (folder / "results").iterdir()}
    assert names == {"video.mp4", "video.txt", "video.jsonl", "video.csv", "video_crops"}
    assert list((folder / "results" / "video_crops").iterdir())
    run("video.mp4 --config fast")
    assert (folder / "runs" / "video" / "video.mp4").stat().st_size > 0


@pytest.mark.slow
def test_outputs_of_several_cameras(folder: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("pyarrow")
    points = "102,520=0,0 640,505=4,0 590,300=4,6 210,310=0,6 400,400=2,3"
    for name in ("entrance", "hall", "yard"):
        run(f'ground {name}.mp4 --save floor.yaml --points "{points}"')
    run(
        "entrance.mp4 hall.mp4 yard.mp4 --save-crops --save-csv --save-parquet --ground floor.yaml "
        "--vid-stride 3 -o results"
    )
    made = {path.name for path in (folder / "results").iterdir()}
    own = {"mp4", "jsonl", "csv", "txt"}
    cameras = {f"{name}.{kind}" for name in ("entrance", "hall", "yard") for kind in own}
    texts = {f"{name}_global.txt" for name in ("entrance", "hall", "yard")}
    pictures = {"timeline.png", "transitions.png", "transit_times.png", "map.png"}
    shared = {"mosaic.mp4", "identities.jsonl", "sightings.parquet", "crops", "topology.yaml"}
    assert cameras | texts | pictures | shared <= made
    (folder / "site.yaml").write_text(SITE)
    run("entrance.mp4 hall.mp4 --topology site.yaml --no-mosaic --no-save-pictures --vid-stride 9")
    assert not (folder / "runs" / "entrance+hall" / "mosaic.mp4").exists()


@pytest.mark.slow
def test_people_are_remembered(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(
        "entrance.mp4 --gallery people.sqlite --start-time 2026-11-24T18:30 --store-crops -o out "
        "--set tracker.n_init=2"
    )
    run("search 1 --gallery people.sqlite")
    assert "entrance" in capsys.readouterr().out
    run("search hall.mp4@0:01 --person 1 --gallery people.sqlite --save-crops found")
    assert "rank" in capsys.readouterr().out
    (crop, *_) = sorted((folder / "found").iterdir())
    run(f"search {crop} --whole --gallery people.sqlite --since 2026-11-24")
    run("gallery info --gallery people.sqlite")
    run("gallery export copy.jsonl.gz --gallery people.sqlite")
    run("gallery import copy.jsonl.gz --gallery other.sqlite")
    run("gallery purge --older-than 1h --gallery other.sqlite")


@pytest.mark.slow
def test_models_and_thresholds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("weights list")
    assert "osnet_x0_5_market_cuhk03_onnx" in capsys.readouterr().out
    run("weights verify")
    assert "0 wrong" in capsys.readouterr().out


@pytest.fixture
def people(folder: Path) -> Path:
    """A small Market-1501, and the same pictures in a folder a person."""
    for row, identity, camera, number in itertools.product(range(3), (1, 2, 3), (1, 2), (1, 2)):
        part = ("bounding_box_train", "query", "bounding_box_test")[row]
        name = f"{identity:04d}_c{camera}s1_{number:06d}_00.jpg"
        picture = person(identity, 10 * camera + number)
        write_image(folder / "Market-1501-v15.09.15" / part / name, picture)
        write_image(folder / "people" / f"{identity:04d}" / f"c{camera}_{number}.jpg", picture)
    return folder


SMALL = (
    "--device cpu --threads 1 --set model.name=osnet_x0_25 --set sampler.batch_size=4 "
    "--set 'phases=[{epochs: 1, height: 64, width: 32}]'"
)


@pytest.mark.slow
def test_an_encoder_is_trained_scored_and_explained(
    people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pytorch_metric_learning")
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    run(f"train paper_scratch --data Market-1501-v15.09.15 {SMALL}")
    model = people / "runs" / "train-paper_scratch" / "model.pth"
    trained = model.read_bytes()
    run(f"train paper_scratch --data Market-1501-v15.09.15 --resume {SMALL}")
    assert model.read_bytes() == trained
    shutil.copy(model, "start.pth")
    words = "--data people/ --set data.name=folder --set model.weights=start.pth"
    run(f"train paper_finetune {words} {SMALL} --set schedule.frozen_epochs=0")
    assert "mAP" in answer(f"eval-reid Market-1501-v15.09.15 --encoder {model}", capsys)
    run(f"explain Market-1501-v15.09.15 --encoder {model} -o inside --images 2")
    drawn = {"activation.png", "gate_profiles.png", "gate_clusters.png", "ranked.png", "map.png"}
    assert {path.name for path in (people / "inside").iterdir()} == drawn
    exported = ROOT / "weights" / "osnet_x0_25_cuhk03.onnx"
    run(f"explain people/ --encoder {exported} --only ranked map -o outside")
    assert {path.name for path in (people / "outside").iterdir()} == {"ranked.png", "map.png"}
    run("explain --curves runs/train-paper_scratch runs/train-paper_finetune -o curves")
    assert (people / "curves" / "curves.png").stat().st_size > 10_000
    assert "tight" in answer("calibrate --labelled people/", capsys)


@pytest.mark.parametrize("model", ["osnet_x0_25", "osnet_x0_5"])
def test_an_old_recipe_suggests_the_one_that_replaces_it(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The recipes of single steps, such as osnet_x0_5_step6, became one recipe a model."""
    assert main(["train", f"{model}_step6"]) == 2
    assert f"no recipe '{model}_step6': did you mean {model}?" in capsys.readouterr().err


@pytest.mark.slow
def test_a_detector_is_trained(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nncf")
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(folder / "settings"))
    (folder / "my_recipe.yaml").write_text(to_yaml(tiny_recipe(folder)))
    run("train-detector my_recipe.yaml --openvino --threads 1")
    made = folder / "runs" / "train-my_recipe"
    for model in (made / "person_tiny.pt", made / "person_tiny_int8_openvino_model"):
        run(f"video.mp4 --detector {model} --encoder none --imgsz 64 -o {model.stem}")
        assert (folder / model.stem / "video.txt").exists()


@pytest.mark.slow
def test_identities_over_cameras_are_scored(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("trackeval")
    (folder / "truth.txt").write_text("c1 1 0 10 10 40 90 0 0\nc2 1 5 10 10 40 90 0 0\n")
    (folder / "result.txt").write_text("c1 7 0 10 10 40 90 0 0\nc2 7 5 10 10 40 90 0 0\n")
    assert "1.000" in answer("eval-mtmc truth.txt result.txt", capsys)


def has_people(gallery: Path) -> bool:
    with suppress(StoreError), open_to_read(gallery) as store:
        return any(sighting.identity for sighting in store.sightings())
    return False


@pytest.mark.slow
def test_a_camera_host_and_its_centre(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server = nats_server(folder / "nats", open_to_all=True)
    try:
        broker = f"--broker nats://127.0.0.1:{server.port} --site hall"
        gallery = folder / "people.sqlite"
        centre = Run(shlex.split(f"central {broker} --encoder auto --gallery {gallery}"))
        outputs = "--output out --no-save-video --save-csv --rotate-h 2 --delete-after-h 72"
        run(
            f"edge entrance.mp4 {broker} --edge gate-host --start-time 2026-11-24T18:30 "
            f"--send-pictures --blur-heads --spool spool {outputs} --set tracker.n_init=2"
        )
        assert main(["edge", "hall.mp4", *broker.split()[:2], "--quiet"]) == 2  # of which site?
        centre.until(lambda: has_people(gallery), "people are stored")
        assert centre.end(signal.SIGTERM) == 143
        assert {path.suffix for path in folder.glob("out/*/*")} >= {".csv", ".jsonl", ".txt"}
        assert "gate-host/entrance" in answer("search 1 --gallery people.sqlite", capsys)
    finally:
        centre.kill()
        server.kill()


@pytest.mark.slow
def test_the_python_of_the_readme(folder: Path) -> None:
    from reid_tracker import build_detector, build_encoder, build_tracker, open_source

    detector = build_detector("auto")
    encoder = build_encoder("auto")
    tracker = build_tracker("deepsort")
    seen = 0
    for frame in open_source("video.mp4"):
        detections = detector.detect(frame.image)
        embeddings = encoder.encode(frame.image, detections.boxes)
        tracks = tracker.update(detections, embeddings, frame.timestamp_s)
        seen += len(tracks.ids)
        assert embeddings.shape == (len(detections.boxes), 512)
        assert tracks.boxes.shape == (len(tracks.ids), 4)
    assert frame.index == FRAMES - 1
    assert seen > 0
