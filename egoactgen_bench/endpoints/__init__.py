"""OpenAI-compatible servers: chat completions and image edits, within bounds and kept on disk."""
