"""The stages. Each reads files and writes files; none imports another."""
