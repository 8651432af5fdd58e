"""When in its life a token is renewed: as late as is safe, not as early as is easy.

At Secucard a renewal kills the token before it, perhaps in the middle of a payment.
"""

from typing import Final

from agent.oauth.events import AccessToken

LONGEST_MARGIN: Final = 180.0  # s before expiry; a card payment rarely takes longer
MARGIN_SHARE: Final = 0.15  # of a token's life
SHORT_MARGIN: Final = (30.0, 0.4)  # s, but never more than this share of a short life
LATEST: Final = 0.8  # of the margin: jitter only moves a renewal later, within the margin


def margin(life: float) -> float:
    """Seconds before expiry at which a token of that life is renewed at the earliest."""
    seconds, share = SHORT_MARGIN
    return min(LONGEST_MARGIN, max(MARGIN_SHARE * life, min(seconds, share * life)))


def longest_min_ttl(token: AccessToken) -> float:
    """What a client can ask for without asking for the impossible."""
    life = token.expires_at - token.issued_at
    return life - margin(life)


def due(token: AccessToken) -> tuple[float, float]:
    """The two instants between which the token is renewed."""
    room = margin(token.expires_at - token.issued_at)
    return token.expires_at - room, token.expires_at - LATEST * room
