"""What can go wrong between a program on this terminal and the agent.

    SupplyError
      AgentUnreachable     nobody answers at the socket: start the agent, or correct the path
      NotAllowed           the agent or the file system refuses this user: the operator
      NoToken              `retry_after` says when to ask again
        PairingRequired      a person has to approve the terminal: the code is on its display
        TokenUnavailable     the server cannot be reached, refuses, or has not answered yet
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


class InsecureRequest(SupplyError):
    """A token is only sent over https, or to this machine."""
