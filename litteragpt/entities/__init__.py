"""Entities in text: spans, words, tags, readers, scores, and data to learn them from."""
