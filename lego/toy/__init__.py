"""The toy kitchen's LLaVA: how it is built, and how its eyes are taught before it speaks."""
