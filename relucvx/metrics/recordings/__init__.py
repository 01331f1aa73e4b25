"""Recorded activity: trials of conditions with their names, and what is estimated from them without the bias of noise."""
