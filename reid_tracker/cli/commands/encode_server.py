"""`reid-track encode-server`: serves embeddings over HTTP to programs in any language."""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack
from pathlib import Path

from reid_tracker.cli.interrupts import say
from reid_tracker.cli.options import add_device, add_general, add_setting, to_config
from reid_tracker.cli.parser import Parser
from reid_tracker.cli.status import checked_token, log_as_json, read_token
from reid_tracker.encode import build_encoder
from reid_tracker.encode.build import resolve_model
from reid_tracker.encode.fingerprint import model_fingerprint
from reid_tracker.errors import MissingDependencyError
from reid_tracker.monitor import notify_systemd

TOKEN_VARIABLE = "REID_ENCODE_TOKEN"  # noqa: S105 - a name

_EXAMPLES = """\
examples:
  reid-track encode-server
  curl -F crops=@person1.jpg -F crops=@person2.jpg http://127.0.0.1:9110/v1/crops
  curl -F frame=@frame.jpg -F boxes='[[10,20,60,170]]' http://127.0.0.1:9110/v1/frame
  reid-track encode-server --listen 0.0.0.0:9110 --token-file token

The server uses plain HTTP; on a shared network, put a proxy with TLS in front of it. The OpenAPI
document is at /openapi.json. Ctrl-C or SIGTERM stops it after it has answered all open requests.
"""


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal stops the program."""
    try:
        from reid_tracker.encode_server.app import Model, create_app
        from reid_tracker.encode_server.batcher import Batcher
        from reid_tracker.encode_server.server import listen, make_server
    except ImportError as error:
        raise MissingDependencyError(
            f"{error.name} is not installed: pip install 'reid-tracker[server]'"
        ) from None
    if arguments.json_logs:
        log_as_json(command="encode-server")
    token = _token(arguments.token_file)
    config = to_config(arguments).encoder
    with ExitStack() as stack:
        port = stack.enter_context(listen(arguments.listen, token))
        encoder = build_encoder(config)
        batcher = stack.enter_context(Batcher(encoder, config.batch_size))
        model = Model(
            encoder=Path(resolve_model(config).model).name,
            fingerprint=model_fingerprint(config),
            embedding_size=encoder.embedding_size,
        )
        server = make_server(create_app(batcher, model, token))
        host, number = port.getsockname()[:2]
        name = f"[{host}]" if ":" in host else host
        say(f"{model.encoder} is served at http://{name}:{number}; stop with Ctrl-C\n")
        notify_systemd("READY=1")
        server.run(sockets=[port])  # a signal raises an exception
    return 0


def add_arguments(parser: Parser) -> None:
    """Add the arguments."""
    parser.description = (
        "Serve embeddings over HTTP: the input is person crops, or a frame with boxes; the output "
        "is embeddings as JSON or float16. Crops of several clients are encoded in one batch."
    )
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default="127.0.0.1:9110",
        help="address; any but a loopback address needs a token (default: 127.0.0.1:9110)",
    )
    parser.add_argument(
        "--token-file",
        metavar="FILE",
        default=None,
        help="file with a token that requests must contain (Authorization: Bearer TOKEN); default: "
        f"the environment variable {TOKEN_VARIABLE}, or no token",
    )
    parser.add_argument("--json-logs", action="store_true", default=False, help="log as JSON lines")
    add_setting(
        parser,
        "--encoder",
        "--reid-model",
        key="encoder.model",
        metavar="MODEL",
        help="as for reid-track track (default: auto, the best on this machine)",
    )
    add_setting(
        parser,
        "--backend",
        key="encoder.backend",
        metavar="NAME",
        help="what runs the encoder: torch, onnxruntime, openvino, tensorrt, or auto (default)",
    )
    add_device(parser, dest="encoder.device", default=argparse.SUPPRESS)
    add_setting(parser, "--half", key="encoder.half")
    add_general(parser)


def _token(path: str | None) -> str | None:
    """Return the token of the file or of the environment; None if there is neither."""
    named = os.environ.get(TOKEN_VARIABLE)
    if path is not None or not named:
        return read_token(path, "--token-file")
    return checked_token(named, TOKEN_VARIABLE)
