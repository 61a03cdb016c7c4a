"""What can be told in one line."""


class PeerError(Exception):
    """A peer that could not be built or started, that ended, or that answered with an error."""
