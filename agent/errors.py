"""Whose fault it is, and so who acts.

    AgentError
      ConfigError          the operator; the process exits 78 and is not restarted
      StoreError           the operator
        StoreLocked          another agent holds the store
        StoreNotWritable     full, read-only or broken medium; the grant is served from memory
        StoreCorrupt         set aside for support; pairing goes on
          StoreForeign       of another serial number: a swapped board or a copied store
      ServerViolation      the server broke the protocol
      InvalidTransition    us: a bug; crash, restart, the grant stays untouched

Hardware trouble has its own root in `hw.contract`: nobody is to blame, wait and redraw. Outcomes
an RFC names (`access_denied`, `invalid_grant`, being offline) are events in `agent.oauth.events`,
not exceptions. A message names the thing, the limit and the next step; no exception carries a
secret, a request or a response.
"""


class AgentError(Exception):
    """Root of everything this package raises on purpose."""


class ConfigError(AgentError):
    """The operator has to change the configuration."""


class StoreError(AgentError):
    """The grant could not be kept or read back."""


class StoreLocked(StoreError):
    """Another agent uses this store."""


class StoreNotWritable(StoreError):
    """The medium refused the record: full, read-only or broken."""


class StoreCorrupt(StoreError):
    """No slot holds a record this terminal can open."""


class StoreForeign(StoreCorrupt):
    """The records are another terminal's: the serial number changed, or the store was copied."""


class ServerViolation(AgentError):
    """The server's answer breaks the protocol."""


class InvalidTransition(AgentError):
    """A state machine was given an event that cannot happen in its state: a bug of ours."""
