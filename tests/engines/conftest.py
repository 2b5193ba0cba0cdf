"""The engines, each over the same Parquet files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd
import pytest

from dlqkit.engines.scan import scan_files
from dlqkit.evidence.store import write_frame

# Read now: a test has none of the machine's settings.
SPARK_URL = os.environ.get("DLQKIT_SPARK_URL")
ENGINES = ["pandas", "duckdb", pytest.param("spark", marks=pytest.mark.spark)]

OnEngine = Callable[[pd.DataFrame], nw.LazyFrame[Any]]


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """A Spark session: on the cluster or server that DLQKIT_SPARK_URL names, else two threads of this process.

    The zone of its Java differs from UTC, as it does where a server was not made for this.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        # Who names a cluster wants it used.
        if SPARK_URL:
            raise
        pytest.skip("there is no pyspark here")
    builder = SparkSession.builder.appName("dlqkit-tests").config("spark.sql.session.timeZone", "UTC")
    if SPARK_URL and SPARK_URL.startswith("sc://"):
        builder = builder.remote(SPARK_URL)
    else:
        settings = {
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.extraJavaOptions": "-Duser.timezone=America/New_York",
            "spark.driver.host": "127.0.0.1",
            "spark.executor.extraJavaOptions": "-Duser.timezone=America/New_York",
            "spark.sql.shuffle.partitions": "4",
            "spark.ui.enabled": "false",
        }
        builder = builder.master(SPARK_URL or "local[2]")
        for name, value in settings.items():
            builder = builder.config(name, value)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*pandas.*")
        session = builder.getOrCreate()
    yield session
    session.stop()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine in turn."""
    return str(request.param)


@pytest.fixture
def on_engine(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> OnEngine:
    """Put a frame of records into Parquet, and scan it on the engine."""
    session = request.getfixturevalue("spark") if engine == "spark" else None

    def scan(records: pd.DataFrame) -> nw.LazyFrame[Any]:
        path = tmp_path / f"records-{len(list(tmp_path.iterdir()))}.parquet"
        write_frame(path, records)
        return scan_files([path], engine, spark=session)

    return scan
