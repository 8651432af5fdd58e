"""What can go wrong between a program on this terminal and the agent.

    SupplyError
      AgentUnreachable     nobody answers at the socket: start the agent, or correct the path
      NotAllowed           the agent or the file system refuses this user: the operator
      NoToken              `retry_after` says when to ask again
        PairingRequired      a person has to approve the terminal: the code is on its display
        TokenUnavailable     the server cannot be reached, refuses, or has not answered yet
      HoldRefused          no promise, and so no token: a payment that relies on one must not begin
        HeldByOther          a newer token is needed first, and another hold is in the way: wait
        TooManyHolds         this client has as many as it may: release one
        HoldImpossible       the server's tokens live too briefly: ask for a token without a hold
        HoldEnded            there is no such hold any more: take another
      InsecureRequest      the caller's URL would carry the token in clear text: the programmer

Light on purpose: the command line's fast path imports this module.
"""

from agent.errors import AgentError


class SupplyError(AgentError):
    """Root of what a client of the agent has to expect."""


class AgentUnreachable(SupplyError):
    """No agent answers at the socket, or what answers is not an agent."""


class NotAllowed(SupplyError):
    """This user may not ask."""


class NoToken(SupplyError):
    """The agent has no token at the moment. `retry_after` in seconds."""

    def __init__(self, message: str, retry_after: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PairingRequired(NoToken):
    """The terminal has no grant yet."""


class TokenUnavailable(NoToken):
    """The terminal is paired, or may be, but there is no valid token."""


class HoldRefused(SupplyError):
    """No hold was given. `retry_after` in seconds; None: asking again will not help."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class HeldByOther(HoldRefused):
    """The token has to be renewed first, which a hold forbids for `held_for` seconds more."""

    def __init__(self, message: str, retry_after: float | None, held_for: float) -> None:
        super().__init__(message, retry_after)
        self.held_for = held_for


class TooManyHolds(HoldRefused):
    """The limit of this client, or of all together, is reached."""


class HoldImpossible(HoldRefused):
    """No token of this server, or no agent on this kernel, can keep such a promise."""


class HoldEnded(HoldRefused):
    """The hold is over, released or broken, and cannot be extended."""


class InsecureRequest(SupplyError):
    """A token is only sent over https, or to this machine."""
