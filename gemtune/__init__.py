"""gemtune: a protobuf-first client for supervised tuning of Gemini models on Vertex AI."""

__version__ = "0.1.0"
