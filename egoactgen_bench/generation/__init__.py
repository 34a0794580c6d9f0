"""Building a method and asking it for images: what the stages run and imagine share."""
