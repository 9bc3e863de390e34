"""Drives foreign Kafka clients against one server; see docs/testing.md."""
