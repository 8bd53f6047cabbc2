"""Protobuf stubs for gemtune. Generated; do not edit."""
