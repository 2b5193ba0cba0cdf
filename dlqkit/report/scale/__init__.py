"""The facts of triage, of records that outgrow memory: counted in DuckDB, judged by the same functions as in memory."""
