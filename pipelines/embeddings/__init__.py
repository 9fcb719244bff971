"""Texts as vectors: the vectoriser that needs no network, and providers that do."""
