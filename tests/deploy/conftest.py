"""The secrets of the deployment, made as a user makes them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.container import ROOT


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that deploy/make_secrets.sh fills."""
    folder = tmp_path_factory.mktemp("deploy")
    script = shutil.copy(ROOT / "deploy" / "make_secrets.sh", folder)
    subprocess.run([script], check=True, capture_output=True)
    return folder / "secrets"
