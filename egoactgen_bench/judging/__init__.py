"""Vision-language models as judges: behind an endpoint, or on this machine."""
