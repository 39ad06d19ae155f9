"""Folding: one decode of payloads, two engines that fold what it yields."""
