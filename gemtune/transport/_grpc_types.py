"""The shapes of grpcio that `RestChannel` takes on; without grpcio, stand-ins of the same names."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

__all__ = ["Call", "Channel", "Future", "FutureCancelledError", "FutureTimeoutError", "RpcError", "StatusCode"]

if TYPE_CHECKING:
    from grpc import Call, Channel, Future, FutureCancelledError, FutureTimeoutError, RpcError, StatusCode
else:
    try:
        from grpc import Call, Channel, Future, FutureCancelledError, FutureTimeoutError, RpcError, StatusCode
    except ModuleNotFoundError:
        from google.rpc import code_pb2

        StatusCode = enum.Enum("StatusCode", {k: (v, k.lower().replace("_", " ")) for k, v in code_pb2.Code.items()})

        class Channel:
            pass

        class Call:
            pass

        class Future:
            pass

        class RpcError(Exception):
            pass

        class FutureCancelledError(Exception):
            pass

        class FutureTimeoutError(Exception):
            pass
