"""The options of the stages, declared once for the command line and for Python."""
