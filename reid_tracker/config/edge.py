"""Settings of `reid-track edge`, a camera host."""

from __future__ import annotations

from dataclasses import dataclass

from reid_tracker.config.checked import Checked, number


@dataclass(frozen=True)
class EdgeConfig(Checked):
    """What a camera host reports to the centre, and how often.

    Attributes:
        name: name of this host, unique within the site; null takes the machine's name.
        site: name of the place that the cameras are at; may be empty.
        report_every_s: time between two messages about a person who stays in sight.
        observe_every_s: time between the positions in a message.
        status_every_s: time between two messages about the state of a camera; changes are sent at
            once.
        drain_s: longest wait for the broker when the program ends; unsent messages stay in the
            spool for the next start.
        send_pictures: send a small picture with the first and the last message about a person;
            otherwise no picture ever leaves this host.
        identities: write the centre's identities into the files of this host (`--output`).
        keep_h: a tracklet that was neither seen nor named for longer is forgotten; its identity
            cannot be corrected any more.
        settle_s: a file still takes identities for this long after its last frame, then it is
            finished.
        rotate_h: live cameras start new files after this time; 0 never does.
        delete_after_h: files that were started longer ago are deleted; null keeps them.
    """

    name: str | None = None
    site: str = ""
    report_every_s: float = number(2.0, 0.1, 3600.0)
    observe_every_s: float = number(0.2, 0.0, 60.0)
    status_every_s: float = number(10.0, 0.5, 3600.0)
    drain_s: float = number(3.0, 0.0, 3600.0)
    send_pictures: bool = False
    identities: bool = True
    keep_h: float = number(24.0, 0.0, 24.0 * 3650, exclusive=True)
    settle_s: float = number(15.0, 0.0, 3600.0)
    rotate_h: float = number(1.0, 0.0, 24.0 * 3650)
    delete_after_h: float | None = number(None, 0.0, exclusive=True)
