"""Versions of everything a result depends on."""

import platform
from importlib.metadata import PackageNotFoundError, version

import robustscope

PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "numba",
    "opencv-python-headless",
    "pillow",
    "av",
    "scikit-learn",
    "statsmodels",
    "h5py",
)


def versions() -> dict[str, str]:
    """Package name to version, "absent" when it is not installed."""
    found = {"python": platform.python_version(), "robustscope": robustscope.__version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found
