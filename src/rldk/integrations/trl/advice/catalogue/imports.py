"""Failures of TRL's own import with newer or older packages."""

from __future__ import annotations

from rldk.integrations.trl.advice.catalogue.failure import ROW_OF_THE_MATRIX, Failure

IMPORT_FAILURES: tuple[Failure, ...] = (
    Failure(
        id="top-k-top-p-filtering",
        message=r"cannot import name 'top_k_top_p_filtering' from 'transformers'",
        releases=">=0.2,<0.8",
        requires=("transformers>=4.39",),
        cause="importing TRL fails with transformers 4.39 or newer: cannot import name 'top_k_top_p_filtering'",
        advice="pip install 'transformers<4.39', or use TRL 0.8.0 or newer",
        link="https://github.com/huggingface/trl/issues/1409",
        found=True,
    ),
    Failure(
        id="trackio-not-in-transformers",
        message=r"cannot import name 'is_trackio_available'",
        releases=">=0.29,<1.13",
        requires=("transformers<4.54",),
        cause="importing TRL fails with transformers older than 4.54: cannot import name 'is_trackio_available'",
        advice="pip install 'transformers>=4.56.2', which TRL requires",
        link=ROW_OF_THE_MATRIX,
        found=False,
    ),
    Failure(
        id="peft-not-declared",
        message=r"name 'PeftConfig' is not defined",
        releases="==0.7.3",
        absent=("peft",),
        cause="importing TRL fails without peft, which it does not declare as a dependency: name 'PeftConfig' is not "
        "defined",
        advice="pip install peft, or use TRL 0.7.4",
        link=ROW_OF_THE_MATRIX,
        found=True,
    ),
    Failure(
        id="pyarrow-wants-numpy-2",
        message=r"pyarrow requires NumPy 2\.0 or newer, found",
        releases="==0.9.6",
        requires=("numpy<2", "pyarrow>=26"),
        cause="importing TRL fails after a plain install: TRL pins numpy<2, and newer pyarrow needs numpy 2",
        advice="install with the constraints that `python -m rldk_trl constraints 0.9.6` prints",
        link=ROW_OF_THE_MATRIX,
        found=True,
    ),
    Failure(
        id="rich-not-declared",
        message=r"No module named 'rich'",
        releases=">=0.9.2,<0.12",
        absent=("rich",),
        cause="TRL imports rich, which it does not declare as a dependency and which other packages no longer install",
        advice="pip install rich, or use TRL 0.12.0 or newer",
        link=ROW_OF_THE_MATRIX,
        found=False,
    ),
    Failure(
        id="pkg-resources-removed",
        message=r"No module named 'pkg_resources'",
        releases=">=0.2,<0.8",
        requires=("accelerate<0.21", "setuptools>=82"),
        cause="accelerate before 0.21 imports pkg_resources, which setuptools 82 removed",
        advice="pip install 'setuptools<82'",
        link=ROW_OF_THE_MATRIX,
        found=False,
    ),
)
