"""Exalift lifts loops into portable tensor programs, and shows that they are the same program."""
