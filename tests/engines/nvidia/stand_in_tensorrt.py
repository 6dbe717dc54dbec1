"""A stand-in for TensorRT on a GPU: runs a "plan" with ONNX Runtime on ``StandInCuda``'s buffers.

This is no TensorRT. It keeps to the rules of the real one that matter here (profile before shape,
one run before recording, scratch memory before a run, no CPU code from a plan) and writes down
when its objects are freed. The tests marked "no NVIDIA GPU here" check the real one, on a machine
that has a GPU.
"""

import weakref
from collections.abc import Callable
from enum import Enum
from types import SimpleNamespace

import numpy as np
import onnxruntime as ort

from engines import Package
from engines.nvidia.tensorrt_flavour import Flavour
from engines.spec import PROFILES, BuildSpec
from engines.tensorrt_backend import TensorRtBackend
from tests.engines.conftest import SHAPE
from tests.engines.nvidia.stand_in_gpu import StandInCuda

PLAN = b"stand-in plan\n"
SCRATCH = 512


class StandInTensorRt:
    """The part of the ``tensorrt`` module that runs a plan; with ``rtx`` that of RTX.

    Attributes
    ----------
    unclean
        Batch sizes that take memory while they run and so cannot be recorded.
    capturable
        What RTX says of itself.
    answer
        Changes answers, for instance into NaN.
    """

    def __init__(self, cuda: StandInCuda, rtx: bool = False) -> None:
        self.cuda, self.rtx = cuda, rtx
        self.__version__ = "1.7.1.116" if rtx else "11.4.0.106"
        self.unclean: set[int] = set()
        self.capturable = True
        self.profiles = PROFILES
        self.answer: Callable[[np.ndarray], np.ndarray] = np.asarray
        self.ExecutionContextAllocationStrategy = SimpleNamespace(USER_MANAGED="user")
        self.ILogger = _Logger
        if rtx:
            self.DynamicShapesKernelSpecializationStrategy = SimpleNamespace(EAGER="eager")

    def flavour(self, name: str) -> Flavour:
        """What ``load_flavour`` gives."""
        assert (name == "tensorrt-rtx") is self.rtx
        return Flavour(name, self, self.__version__)

    def Runtime(self, logger):
        return _Runtime(self)

    def note_free(self, thing: object, name: str) -> None:
        weakref.finalize(thing, self.cuda.calls.append, f"free {name}").atexit = False


class _Logger:
    class Severity(Enum):
        INTERNAL_ERROR = 0
        ERROR = 1
        WARNING = 2
        INFO = 3
        VERBOSE = 4


class _Runtime:
    engine_host_code_allowed = True

    def __init__(self, trt: StandInTensorRt) -> None:
        self.trt = trt
        trt.note_free(self, "runtime")

    def deserialize_cuda_engine(self, plan):
        assert self.engine_host_code_allowed is False
        self.trt.cuda.calls.append("deserialize")
        return _Engine(self, plan[len(PLAN) :]) if plan.startswith(PLAN) else None


_KINDS = {"tensor(float)": "FLOAT", "tensor(float16)": "HALF", "tensor(uint8)": "UINT8"}


class _Engine:
    num_io_tensors = 2
    device_memory_size_v2 = SCRATCH

    def __init__(self, runtime, model):
        self.runtime, self.trt = runtime, runtime.trt
        self.session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
        self.io = [self.session.get_inputs()[0], self.session.get_outputs()[0]]
        self.num_optimization_profiles = len(self.trt.profiles)
        self.trt.note_free(self, "engine")

    def _entry(self, name):
        return next(entry for entry in self.io if entry.name == name)

    def get_tensor_name(self, index):
        return self.io[index].name

    def get_tensor_mode(self, name):
        return SimpleNamespace(name="INPUT" if name == self.io[0].name else "OUTPUT")

    def get_tensor_dtype(self, name):
        return SimpleNamespace(name=_KINDS[self._entry(name).type])

    def get_tensor_shape(self, name):
        return [-1, *self._entry(name).shape[1:]]

    def get_tensor_profile_shape(self, name, index):
        return [[size, *self._entry(name).shape[1:]] for size in self.trt.profiles[index]]

    def create_runtime_config(self):
        assert self.trt.rtx
        return _RtxConfig()

    def create_execution_context(self, given):
        if self.trt.rtx:
            assert given.dynamic_shapes_kernel_specialization_strategy == "eager"
        assert (given.strategy if self.trt.rtx else given) == "user"
        return (_RtxContext if self.trt.rtx else _Context)(self)


class _Context:
    def __init__(self, engine):
        self.engine, self.trt, self.cuda = engine, engine.trt, engine.trt.cuda
        self.profile = self.shape = self.memory = None
        self.settled = False
        self.addresses = {}
        self.trt.note_free(self, "context")

    def set_optimization_profile_async(self, index, stream):
        assert stream in self.cuda.streams
        self.profile, self.shape, self.settled = self.trt.profiles[index], None, False
        return True

    def set_input_shape(self, name, shape):
        least, _, most = self.profile
        if not least <= shape[0] <= most:
            return False
        self.shape, self.settled = tuple(shape), False
        return True

    def set_tensor_address(self, name, address):
        self.addresses[name] = address
        return address in self.cuda.device

    def set_device_memory(self, address, size):
        assert size == SCRATCH == len(self.cuda.device[address])
        self.memory = address

    def get_tensor_shape(self, name):
        return [self.shape[0], *self.engine.get_tensor_shape(name)[1:]]

    def execute_async_v3(self, stream):
        stream = self.cuda.streams[stream]
        self.cuda.calls.append(f"execute {self.shape[0]}")
        if self.memory not in self.cuda.device:
            return False
        if stream.recording is not None:
            if not self.settled:
                return False
            if self.shape[0] in self.trt.unclean and self.cuda.cudaMalloc(1)[0]:
                return False
        self.settled = True
        stream.queue(self._run)
        return True

    def _run(self):
        entry, output = self.engine.io
        kind = {"FLOAT": "float32", "HALF": "float16", "UINT8": "uint8"}[_KINDS[entry.type]]
        place = self.cuda.device[self.addresses[entry.name]]
        count = int(np.prod(self.shape)) * np.dtype(kind).itemsize
        given = place[:count].view(kind).reshape(self.shape)
        (answers,) = self.engine.session.run([output.name], {entry.name: given})
        told = self.trt.answer(answers).tobytes()
        to = self.cuda.device[self.addresses[output.name]]
        to[: len(told)] = np.frombuffer(told, np.uint8)


class _RtxContext(_Context):
    def is_stream_capturable(self, stream):
        return self.trt.capturable


class _RtxConfig:
    strategy = dynamic_shapes_kernel_specialization_strategy = None

    def set_execution_context_allocation_strategy(self, given):
        self.strategy = given


class StandInPlans:
    """A ``PlanSource``: gives ``plans`` one after the other, the last one for ever.

    Attributes
    ----------
    asked, refused
        Specs, and (spec, reason) pairs, in order.
    """

    def __init__(self, *plans: bytes) -> None:
        self.plans = list(plans)
        self.asked: list[BuildSpec] = []
        self.refused: list[tuple[BuildSpec, str]] = []

    def plan(self, spec: BuildSpec, package: Package) -> bytes:
        self.asked.append(spec)
        plans = self.plans or [PLAN + package.model]
        return plans[min(len(self.asked), len(plans)) - 1]

    def refuse(self, spec: BuildSpec, reason: str) -> None:
        self.refused.append((spec, reason))


def backend_of(package: Package, trt: StandInTensorRt, *plans: bytes, **changes) -> TensorRtBackend:
    """A backend on the stand-ins."""
    given = {
        "flavour": "tensorrt-rtx" if trt.rtx else "tensorrt",
        "plans": StandInPlans(*plans),
        "cuda": trt.cuda,
        "load": trt.flavour,
    }
    return TensorRtBackend(package, **(given | changes))


def batch_of(count: int, seed: int = 0) -> np.ndarray:
    """Samples for the tiny network."""
    return np.random.default_rng(seed).normal(size=(count, *SHAPE)).astype(np.float32)
