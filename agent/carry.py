"""What a restart of the agent leaves: the access token and the holds on it, kept while they serve.

A crash must not lose a token that is in somebody's hand, so it is kept before anybody gets it.
While a request is under way that kills it, it is not: nobody would know afterwards.
"""

from collections.abc import Callable

from agent.errors import StoreError
from agent.holder import Holder
from agent.oauth import renewal
from agent.oauth.events import AccessToken, Grant
from agent.store.interface import Kept, TokenKeep


class Carry:
    """`ends_old_token`: a renewal kills the token before it. `on_trouble` is told why a token was
    not kept, `on_token` of each new one; neither may block.
    """

    def __init__(
        self,
        *,
        place: TokenKeep,
        holder: Holder,
        ends_old_token: bool,
        on_trouble: Callable[[StoreError], None],
        on_token: Callable[[AccessToken], None],
    ) -> None:
        self._place = place
        self._holder = holder
        self._ends_old_token = ends_old_token
        self._on_trouble = on_trouble
        self._on_token = on_token
        self._token: AccessToken | None = None
        self._before: renewal.State | None = None

    def take_up(self, grant: Grant | None, now: float) -> AccessToken | None:
        """The token of the agent's life before this one; its holds go to the holder."""
        kept = None if grant is None else self._place.load(grant, now)
        if kept is None:
            return None
        self._token = kept.token
        self._holder.restore(kept.holds, kept.token)
        return kept.token

    def seen(self, state: renewal.State) -> None:
        """The renewal has made a step."""
        serving = renewal.serving(state)
        if serving is None or serving.grant is None or serving.token is None:
            self._token = None
            self._place.forget()
        elif isinstance(state, renewal.Renewing) and self._ends_old_token:
            self._place.forget()
        elif serving.token != self._token or isinstance(self._before, renewal.Renewing):
            if serving.token != self._token:
                self._on_token(serving.token)
            self._token = serving.token
            self._save(serving.grant, serving.token)
        self._before = state

    def holds_changed(self, state: renewal.State | None) -> None:
        """What was promised survives as well. In the middle of a renewal its next step keeps it."""
        if isinstance(state, renewal.Serving) and state.grant and state.token:
            self._save(state.grant, state.token)

    def _save(self, grant: Grant, token: AccessToken) -> None:
        try:
            self._place.save(grant, Kept(token=token, holds=self._holder.plain()))
        except StoreError as error:
            self._on_trouble(error)
