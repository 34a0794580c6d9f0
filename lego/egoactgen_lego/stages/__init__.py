"""LEGO's stages around its VLLM: curate, tune, enrich, embed. None imports another."""
