"""ProxEdit: negative-prompt inversion with proximal guidance and prompt-to-prompt attention."""
