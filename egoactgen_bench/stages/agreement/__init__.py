"""The stage `agreement`: how well metrics agree with the votes or ratings of people."""
