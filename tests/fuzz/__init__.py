"""Fuzzing: what strangers send, by the thousands, with and without coverage to guide it (docs/fuzzing.md)."""
