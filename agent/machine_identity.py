"""From the settings and the machine's sources to the device UUID.

Reading is left to the sources that are passed in; `agent.identity` judges what they gave.
"""

from collections.abc import Callable

from agent.errors import ConfigError
from agent.identity import DeviceUUID, build, choose
from agent.settings import IdentitySettings, PairSettings
from hw.contract import SerialSource

OpenSource = Callable[[str, str | None], SerialSource]
"""From a source's name (and the path, for `file`) to the source."""


def read_identity(settings: IdentitySettings, open_source: OpenSource) -> DeviceUUID:
    """This terminal's UUID.

    Raises HardwareError when a source cannot be read just now (wait: a weaker source would make
    this another terminal), ConfigError when no source gives a serial number.
    """
    pairs = tuple((pair.key, _value_of(pair, open_source)) for pair in settings.pairs)
    return build(settings.vendor, pairs)


def _value_of(pair: PairSettings, open_source: OpenSource) -> str:
    if pair.value is not None:
        return pair.value
    choice = choose((name, open_source(name, pair.file).read()) for name in pair.sources)
    if choice.value is None:
        found = "; ".join(map(str, choice.verdicts))
        raise ConfigError(
            f"identity: no serial number for {pair.key!a}: {found}. Write it into a file and"
            " add that as source, or set value in [[identity.pair]]"
        )
    return choice.value
