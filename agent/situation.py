"""What the agent is doing, in the words the display, the status and the log share.

Never secret, because it is shown: no token, no device code. The user code is for people standing
near the terminal (RFC 8628 section 5.7): the display and clients allowed to see it, not the log.
"""

from dataclasses import dataclass, field

from agent.oauth.events import Fault, Trouble


@dataclass(frozen=True, slots=True)
class Starting:
    """Reading the configuration, the serial number and the store; or asking for a first code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offline:
    """No code to show, because the server cannot be reached. `support_code` (`N102`) is what a
    technician reads out on the telephone; `agent.situation.SUPPORT_CODES` lists them."""

    kind: Trouble
    reason: str

    @property
    def support_code(self) -> str:
        return SUPPORT_CODES[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """A code is live. `expires_at` is CLOCK_BOOTTIME; `renewed`: an earlier code was shown
    before; `terminal` the last characters of the UUID, to compare with the approval page;
    `reidentified`: there is a grant, but of another serial number (a swapped board).
    `verification_uri_complete` holds the code as well (RFC 8628 section 3.3.1): it is for a QR
    code, never for people to type."""

    user_code: str
    verification_uri: str
    expires_at: float
    terminal: str
    renewed: bool = False
    reidentified: bool = False
    verification_uri_complete: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """A person said no. A new code follows after a pause, or when somebody acts."""

    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The server refuses this client or this terminal; `description` are its exact words."""

    error: str
    description: str
    fault: Fault


@dataclass(frozen=True, slots=True)
class Paused:
    """The window of codes is used up; a person has to act (button, power cycle, command)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Just paired; `owner` is who to, when the server tells."""

    owner: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Tokens are handed out. `degraded` is why not all is well, in one sentence, or None."""

    degraded: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Something a technician has to look at; `support_code` is also in the log."""

    support_code: str
    reason: str


Situation = Starting | Offline | Pairing | Denied | Refused | Paused | Paired | Serving | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldButton:
    """Somebody holds the button: at `pairs_at` (CLOCK_BOOTTIME) this terminal is paired again,
    unless it is let go."""

    pairs_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Somebody pressed the button: which terminal this is and how it is, until `until`."""

    uuid: str
    situation: Situation
    until: float


Overlay = HeldButton | About
"""What a person at the button asked to see; it goes over the situation's own screen."""

SUPPORT_CODES: dict[Trouble, str] = {
    "network": "N102",
    "name": "N103",
    "tls": "N104",
    "clock": "N105",
    "server": "N106",
    "credentials": "N107",
}
