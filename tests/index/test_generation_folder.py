"""The folder of the published generation keeps the contract."""

from pathlib import Path

import pytest

from index.generation_folder import GenerationFolder
from tests.index.generation_contract import GenerationContract, Open, generations

__all__ = ["generations"]


class TestContract(GenerationContract):
    """In one folder."""

    @pytest.fixture
    def open_generations(self, tmp_path: Path) -> Open:
        return lambda: GenerationFolder(tmp_path / "generation")
