"""Google's clients by name: unmodified, each behind the small face that `steps.walk` drives.

What they wrap is imported when one is made: an environment that has only google-genai runs only google-genai.
"""

from __future__ import annotations

from typing import Any

from steps import Client
from with_discovery import DiscoveryV1, DiscoveryV1Beta1
from with_genai import GenAi, GenAiPlace
from with_generated import GeneratedV1, GeneratedV1Beta1
from with_grpc import GrpcV1, GrpcV1Beta1
from with_vertexai import VertexAi

CLIENTS: dict[str, type[Client]] = {
    kind.name: kind for kind in (GenAi, GeneratedV1, GeneratedV1Beta1, DiscoveryV1, DiscoveryV1Beta1)
}
"""Over REST; what they send is recorded."""

OVER_GRPC: dict[str, Any] = {kind.name: kind for kind in (GrpcV1, GrpcV1Beta1, VertexAi)}
"""Over gRPC; made with `host:port` in place of a URL."""

OWN_STEPS: dict[str, Any] = {GenAiPlace.name: GenAiPlace}
"""Over REST; they try one thing each, and are not recorded."""
