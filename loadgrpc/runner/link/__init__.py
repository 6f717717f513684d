"""The link: the process of a runner that speaks gRPC, and starts its workers."""
