"""LEGO (arXiv 2312.03849): the method as a plug-in of the benchmark."""
