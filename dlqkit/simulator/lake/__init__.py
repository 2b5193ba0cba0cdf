"""Records by the million, written straight to Parquet: what a lake holds of a platform's incident."""
