"""Where an analysis runs: pandas, DuckDB or Spark, over one lazy frame of records that is the same on all three."""
