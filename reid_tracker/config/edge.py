"""What a camera host tells, and how often: the configuration of `reid-track edge`."""

from __future__ import annotations

from dataclasses import dataclass

from reid_tracker.config.checked import Checked, number


@dataclass(frozen=True)
class EdgeConfig(Checked):
    """What a camera host tells the centre, and how often.

    Attributes:
        name: of this host, unique within the site; null takes the machine's name.
        site: name of the place that the cameras are at; may be empty.
        report_every_s: time between two messages about somebody who stays in sight.
        observe_every_s: time between the positions in a message.
        status_every_s: time between two messages about how a camera is doing; changes are told at
            once.
        drain_s: at its end the program waits for the broker for at most so long; what is not sent
            by then stays in the spool for the next start.
        send_pictures: with the first and the last message about somebody goes a small picture of
            them; otherwise no picture ever leaves this host.
        identities: files of this host (--output) hold the centre's identities.
        keep_h: a tracklet that was neither seen nor told of for longer is forgotten, so that its
            identity cannot be put right any more.
        settle_s: so long after its last frame a file still takes identities, then it is finished.
        rotate_h: files of live cameras are begun anew after it; 0 never does.
        delete_after_h: files begun longer ago are deleted; null keeps them.
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
