"""The stage `report`: one HTML page of all scores of a split, with figures for papers."""
