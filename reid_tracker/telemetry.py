"""Keeps libraries from reporting to their makers what this program does."""

from __future__ import annotations

import os
import sys


def silence_telemetry() -> None:
    """Switch off the telemetry of OpenVINO, NNCF and ONNX Runtime; call it before their imports.

    OpenVINO and NNCF report to Google Analytics from forked processes where `openvino_telemetry` is
    installed. None makes the import of that package fail, as if it were not.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
