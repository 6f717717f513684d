"""Server reflection: strangers ask a running server which protocol it speaks, comments included."""

from loadgrpc.reflection.catalog import Catalog
from loadgrpc.reflection.descriptor_set import read, split
from loadgrpc.reflection.file import File
from loadgrpc.reflection.packaged import packaged
from loadgrpc.reflection.registry import Registry
from loadgrpc.reflection.service import add_reflection

__all__ = ["Catalog", "File", "Registry", "add_reflection", "packaged", "read", "split"]
