"""From raw files to the first answer, on a realistic log: a pull and a first question beside DuckDB."""
