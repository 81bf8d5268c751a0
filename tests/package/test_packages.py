import importlib.util
import json
import marshal
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from types import CodeType
from typing import Final

import pytest

from shared.settings import VARIABLES
from tests.package.artefacts import FUNCTIONS, ROOT, Artefacts, make, walk, zipped

LARGEST_ZIP_BYTES: Final = 100_000
