"""Files with the features of a VLLM, H_i and H_t."""
