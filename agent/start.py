"""`pos-agent run`: from a configuration file to a running daemon, or to a reason in the log."""

import logging
from typing import Final

from agent import config, log
from agent.errors import ConfigError

BAD_CONFIG: Final = 78  # EX_CONFIG, sysexits(3): systemd does not restart the agent


def start(config_file: str) -> int:
    """Run until SIGTERM or SIGINT; returns the exit code."""
    log.configure("info")
    try:
        settings = config.load(config_file)
        log.configure(settings.log_level)

        from agent import daemon  # noqa: PLC0415  # what is wrong with the file is said earlier

        return daemon.run(settings)
    except ConfigError as error:
        logger = logging.getLogger(__name__)
        for reason in (str(error), *getattr(error, "__notes__", ())):
            log.event(logger, "config.refused", level=logging.ERROR, reason=reason)
        return BAD_CONFIG
