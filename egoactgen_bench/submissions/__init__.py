"""Runs and their scores as one file to hand on, and tables of what several groups handed on."""
