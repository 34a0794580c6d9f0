"""How results are shown: tables, charts, grids, pages."""
