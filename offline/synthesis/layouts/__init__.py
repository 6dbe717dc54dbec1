"""Layouts of the field's data sets for rendered ones: trees, numbering, sheets, quirks."""
