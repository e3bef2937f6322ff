"""Records a perpetual-futures exchange completely, raw first, into a Parquet lake."""

__version__ = "0.1.0"
