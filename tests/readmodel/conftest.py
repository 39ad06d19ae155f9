from pathlib import Path
from typing import Any

import pytest

from tests.services.postgresql import Server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.xdist_group("postgresql"))])
def url(request: Any, tmp_path: Path) -> str:
    """An empty database, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/models.db"
    url: str = request.getfixturevalue("postgresql").database()
    return url


@pytest.fixture(scope="session")
def law_url(postgresql: Server) -> str:
    """A PostgreSQL database that the examples of a law share; each has tables of its own."""
    return postgresql.database()
