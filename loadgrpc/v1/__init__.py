"""Generated from protos/loadgrpc/v1 by tools/protos.py. Do not edit."""
