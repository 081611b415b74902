"""An RTSP camera for tests: loops H.264 files for ever. Runs with the system's Python.

It needs Debian's GStreamer RTSP server, see `tests/video/rtsp.py`, which starts it. Prints "ready
PORT" once it answers, and "client" for every connection.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import gi  # type: ignore[import-not-found]

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # type: ignore[import-not-found]  # noqa: E402

_CAPS = "video/x-h264,stream-format=byte-stream,alignment=au"


def load(path: str) -> tuple[list[bytes], int]:
    """Return every access unit of a file, and nanoseconds from one to the next."""
    pipeline = Gst.parse_launch(
        f'filesrc location="{path}" ! qtdemux ! h264parse config-interval=-1 ! {_CAPS} '
        "! appsink name=sink sync=false"
    )
    sink = pipeline.get_by_name("sink")
    pipeline.set_state(Gst.State.PLAYING)
    units, duration = [], Gst.SECOND // 10
    while (sample := sink.emit("pull-sample")) is not None:
        buffer = sample.get_buffer()
        units.append(buffer.extract_dup(0, buffer.get_size()))
        if buffer.duration != Gst.CLOCK_TIME_NONE:
            duration = buffer.duration
    pipeline.set_state(Gst.State.NULL)
    return units, duration


class Loop(GstRtspServer.RTSPMediaFactory):  # type: ignore[misc]
    """A mount point that shows files over and over; every client sees the same moment.

    With `began_s`, a reading of the monotonic clock, the file is taken to have begun then, whenever
    somebody connects: so do several streams show one moment.
    """

    def __init__(
        self, path: str, jump_after: int, jump_s: float, began_s: float | None = None
    ) -> None:
        super().__init__()
        loaded = [load(part) for part in path.split("+")]
        self._units = [unit for units, _ in loaded for unit in units]
        self._duration = loaded[0][1]
        self._began_s = began_s
        self._jump_after, self._jump_s, self._inside = jump_after, jump_s, False
        self.set_launch(
            f'( appsrc name=source is-live=true format=time caps="{_CAPS}" '
            "! h264parse config-interval=-1 "
            "! rtph264pay name=pay0 pt=96 config-interval=-1 perfect-rtptime=false )"
        )
        self.set_shared(True)
        self.connect("media-configure", self._configure)

    def _configure(self, _factory: object, media: Any) -> None:
        source = media.get_element().get_by_name_recurse_up("source")
        first = count = 0
        if self._began_s is not None:
            passed_s = time.monotonic() - self._began_s
            first = round(passed_s * Gst.SECOND / self._duration)

        def push(_source: object, _length: int) -> None:
            nonlocal count
            buffer = Gst.Buffer.new_wrapped(self._units[(first + count) % len(self._units)])
            buffer.pts = buffer.dts = count * self._duration
            buffer.duration = self._duration
            count += 1
            source.emit("push-buffer", buffer)

        source.connect("need-data", push)
        if self._jump_after:
            pad = media.get_element().get_by_name_recurse_up("pay0").get_static_pad("src")
            kinds = Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST
            pad.add_probe(kinds, self._jump)

    def _jump(self, pad: Any, info: Any) -> Any:
        """Rewrite timestamps in RTP packets; GStreamer itself would wait for them to be due."""
        if self._inside:
            return Gst.PadProbeReturn.OK
        if info.type & Gst.PadProbeType.BUFFER_LIST:
            listed = info.get_buffer_list()
            packets = [listed.get(index) for index in range(listed.length())]
        else:
            packets = [info.get_buffer()]
        self._inside = True
        for packet in packets:
            data = bytearray(packet.extract_dup(0, packet.get_size()))
            if packet.pts >= self._jump_after * self._duration:
                ticks = int.from_bytes(data[4:8], "big") + int(self._jump_s * 90_000)
                data[4:8] = (ticks % 2**32).to_bytes(4, "big")
            changed = Gst.Buffer.new_wrapped(bytes(data))
            changed.pts, changed.dts, changed.duration = packet.pts, packet.dts, packet.duration
            pad.push(changed)
        self._inside = False
        return Gst.PadProbeReturn.DROP


def require_password(server: Any, factories: list[Any], user: str, password: str) -> None:
    """Let nobody in without the password (digest)."""
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(2)  # GST_RTSP_AUTH_DIGEST
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    for factory in factories:
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("viewer", "media.factory.access", True)
        permissions.add_permission_for_role("viewer", "media.factory.construct", True)
        factory.set_permissions(permissions)


def use_running_time(factory: Any) -> None:
    """Send RTCP reports of a camera whose clock was never set."""

    def prepared(media: Any) -> None:
        bin_ = media.get_element().get_parent()
        rtpbin = next(e for e in bin_.children if e.get_factory().get_name() == "rtpbin")
        rtpbin.set_property("ntp-time-source", 2)  # running time

    factory.connect("media-configure", lambda _factory, media: media.connect("prepared", prepared))


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("streams", nargs="+", help="NAME=FILE.mp4 or NAME=A.mp4+B.mp4")
    parser.add_argument("--port", default="0")
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--jump-after", type=int, default=0, help="frames; the clock then jumps")
    parser.add_argument("--jump-s", type=float, default=0.0)
    parser.add_argument("--clock-never-set", action="store_true")
    parser.add_argument("--in-step", action="store_true", help="all streams show one moment")
    words = parser.parse_args()

    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(words.port)
    factories = []
    began_s = time.monotonic() if words.in_step else None
    for stream in words.streams:
        name, _, path = stream.partition("=")
        factory = Loop(path, words.jump_after, words.jump_s, began_s)
        if words.clock_never_set:
            use_running_time(factory)
        factories.append(factory)
        server.get_mount_points().add_factory(f"/{name}", factory)
    if words.user:
        require_password(server, factories, words.user, words.password)
    server.connect("client-connected", lambda *_: tell("client"))
    if not server.attach(None):
        raise SystemExit(f"port {words.port} is taken")
    tell(f"ready {server.get_bound_port()}")
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
