import pytest

from offline.synthesis.portrait import Portrait


@pytest.fixture(scope="session")
def portrait():
    """The public-domain portrait that comes with scikit-image."""
    return Portrait.astronaut()
