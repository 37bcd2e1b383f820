"""Put the Arduino library together: ``python firmware_bridge/arduino/make_library.py [FOLDER]`` writes WearECG.zip.

The library is the C sources (firmware_bridge/c), which are not kept twice, with the C++ layer and the sketches.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def contents() -> dict[str, Path]:
    """Path in the library to file."""
    files = {
        "WearECG/library.properties": HERE / "library.properties",
        "WearECG/README.md": HERE / "README.md",
    }
    for path in sorted((HERE.parent / "c").glob("wecg_*.[ch]")):
        files[f"WearECG/src/{path.name}"] = path
    for folder in ("src", "examples"):
        for path in sorted((HERE / folder).rglob("*")):
            if path.is_file():
                files[f"WearECG/{path.relative_to(HERE).as_posix()}"] = path
    return files


def main() -> None:
    """Write the archive and say what to do with it."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "WearECG.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in contents().items():
            archive.write(path, name)
    print(f"{target}: in the Arduino IDE choose Sketch > Include Library > Add .ZIP Library")


if __name__ == "__main__":
    main()
