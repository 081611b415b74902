"""Monitoring of a running host: metrics, health, JSON logs, and notifications to systemd."""

from reid_tracker.monitor.json_logs import JsonLines
from reid_tracker.monitor.metrics import Metrics, Reading
from reid_tracker.monitor.status_server import Health, StatusServer
from reid_tracker.monitor.systemd import notify_systemd

__all__ = ["Health", "JsonLines", "Metrics", "Reading", "StatusServer", "notify_systemd"]
