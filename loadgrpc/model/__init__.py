"""The nouns of the domain, as plain values; one word for each meaning.

Rule: nothing here knows gRPC, protobuf, files or time. Durations are seconds as float where a
person sets them, and whole nanoseconds (`_ns`) where they are measured. Enum values equal those
of the protos (a test compares them). The converters of `protocol/` turn these into messages and
back.
"""

from loadgrpc.model.access import *
from loadgrpc.model.campaign import *
from loadgrpc.model.comparison import *
from loadgrpc.model.confinement import *
from loadgrpc.model.custom_state import *
from loadgrpc.model.elapsed import *
from loadgrpc.model.event import *
from loadgrpc.model.fed import *
from loadgrpc.model.generator import *
from loadgrpc.model.limits import *
from loadgrpc.model.load import *
from loadgrpc.model.measures import *
from loadgrpc.model.observer import *
from loadgrpc.model.parameter import *
from loadgrpc.model.plan import *
from loadgrpc.model.planned import *
from loadgrpc.model.progress import *
from loadgrpc.model.retry import *
from loadgrpc.model.run import *
from loadgrpc.model.schedule import *
from loadgrpc.model.sockets import *
from loadgrpc.model.spelling import *
from loadgrpc.model.submission import *
from loadgrpc.model.summary import *
from loadgrpc.model.threshold import *
from loadgrpc.model.timeline import *
from loadgrpc.model.wait import *
