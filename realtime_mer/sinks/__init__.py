"""Write what was found: CSV, ELAN, WebVTT, HTML, JSON, all from one interval table."""

from realtime_mer.sinks.bundle import FILES, check_writable, write_all
from realtime_mer.sinks.table import COLUMNS, Row, rows

__all__ = ["COLUMNS", "FILES", "Row", "check_writable", "rows", "write_all"]
