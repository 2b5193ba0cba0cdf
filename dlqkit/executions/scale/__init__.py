"""Answers about records of any number, each written once over Narwhals and the same on pandas, DuckDB and Spark."""
