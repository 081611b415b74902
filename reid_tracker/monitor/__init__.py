"""What a running host tells about itself: metrics, health, logs, and notes to systemd."""

from reid_tracker.monitor.json_logs import JsonLines
from reid_tracker.monitor.metrics import Metrics, Reading
from reid_tracker.monitor.status_server import Health, StatusServer
from reid_tracker.monitor.systemd import notify_systemd

__all__ = ["Health", "JsonLines", "Metrics", "Reading", "StatusServer", "notify_systemd"]
