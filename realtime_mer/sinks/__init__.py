"""Write what was found: CSV, ELAN, WebVTT, HTML, JSON, all from one interval table."""
