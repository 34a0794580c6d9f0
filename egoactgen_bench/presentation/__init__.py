"""Presentation of results: tables, charts, grids, HTML pages."""
