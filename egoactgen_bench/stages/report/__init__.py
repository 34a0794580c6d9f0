"""The stage `report`: one page of everything scored, with figures for papers."""
