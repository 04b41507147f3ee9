"""Our architectures as ONNX graphs, each with the state it carries between calls.

A graph reads `ids` (`B, T` whole numbers) and gives `logits` (`B, T, V`). It also gives its state
and takes it back under the same name with `past_` before it, so that a text is continued at the
cost of its new ids alone. A state is an input with a default, the beginning of a text: without it
the rows start fresh. A state of one row does for all rows.

The keys of a decoder are carried before their rotation and turned anew in each call, by their place
among those that are left: attention sees differences of positions alone, so a text may be of any
length and the state still holds no more than the `context - 1` positions that can be seen again.

Shapes: B rows, T new positions, P past ones, S = P + T, L layers, H heads, D width of a head,
C model width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from litteragpt.architectures.decoder import Block, Decoder
from litteragpt.architectures.decoder_step import rotation_frequencies
from litteragpt.architectures.lstm import LSTM
from litteragpt.architectures.mlp import MLP
from litteragpt.export.common import optional_library

OPSET: Final = 18
IR_VERSION: Final = 8
"""The one that came with the opset: older runtimes read it, too."""

_END: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class State:
    """What a graph carries between calls."""

    name: str
    """Of the output; the input has `past_` before it."""
    shape: tuple[str | int, ...]
    """Of the output, names for what may vary."""
    start: npt.NDArray[Any]
    """At the beginning of a text, for one row."""


@dataclass(slots=True)
class Graph:
    """Nodes and weights as they are put together; a value is the name that ONNX gives it."""

    nodes: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)
    states: list[State] = field(default_factory=list)

    def __call__(self, operation: str, *values: str, **attributes: Any) -> str:
        """One operation and its first output."""
        return self.several(1, operation, *values, **attributes)[0]

    def several(self, outputs: int, operation: str, *values: str, **attributes: Any) -> list[str]:
        """One operation and its outputs."""
        helper = optional_library("onnx.helper", "export")
        number = len(self.nodes)
        names = [f"{operation}_{number}_{output}" for output in range(outputs)]
        self.nodes.append(
            helper.make_node(operation, values, names, f"{operation}_{number}", **attributes)
        )
        return names

    def constant(self, value: npt.NDArray[Any] | Tensor, name: str | None = None) -> str:
        """A weight or a figure; a tensor of torch becomes single precision."""
        numpy_helper = optional_library("onnx.numpy_helper", "export")
        array = value if isinstance(value, np.ndarray) else value.detach().float().cpu().numpy()
        name = name or f"constant_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def number(self, value: float) -> str:
        """A single-precision figure."""
        return self.constant(np.array(value, dtype=np.float32))

    def one_whole(self, value: int) -> str:
        """A whole number."""
        return self.constant(np.array(value, dtype=np.int64))

    def whole(self, *values: int) -> str:
        """A list of whole numbers, such as a shape."""
        return self.constant(np.array(values, dtype=np.int64))

    def size(self, value: str, axis: int) -> str:
        """How long a value is along an axis, as a list of one."""
        return self("Shape", value, start=axis, end=axis + 1)

    def state(self, state: State, rows: str, axis: int) -> str:
        """The past of a state, its axis of rows widened to as many as `rows` says."""
        past = f"past_{state.name}"
        self.states.append(state)
        self.constant(state.start, past)
        ones = [self.whole(1)] * len(state.shape)
        ones[axis] = rows
        return self("Expand", past, self("Concat", *ones, axis=0))

    def name_output(self, value: str, name: str) -> None:
        """Let a value be known by this name."""
        helper = optional_library("onnx.helper", "export")
        self.nodes.append(helper.make_node("Identity", [value], [name], f"Output_{name}"))

    def last(self, value: str, count: int, axis: int) -> str:
        """The last `count` entries along an axis, or all where there are fewer."""
        first = -count if count else _END
        return self("Slice", value, self.whole(first), self.whole(_END), self.whole(axis))

    def linear(self, x: str, layer: nn.Linear, name: str) -> str:
        """`x W^T + b`, with the bias where the layer has one."""
        product = self("MatMul", x, self.constant(layer.weight.T, f"{name}.weight"))
        if layer.bias is None:
            return product
        return self("Add", product, self.constant(layer.bias, f"{name}.bias"))


Build = Callable[[Any, Graph], str]
"""Fill a graph with a model; the value of its logits."""


def build_graph(model: object) -> Graph:
    """The graph of a model; `ValueError` for an architecture that has none."""
    build = _BUILDS.get(type(model))
    if build is None:
        known = ", ".join(each.__name__ for each in _BUILDS)
        raise ValueError(f"{type(model).__name__} has no ONNX graph here (known: {known})")
    graph = Graph()
    graph.name_output(build(model, graph), "logits")
    return graph


def _decoder(model: Decoder, graph: Graph) -> str:
    c = model.config
    rows, new = graph.size("ids", 0), graph.size("ids", 1)
    none = np.zeros((c.layers, 1, c.heads, 0, c.head_width), dtype=np.float32)
    shape = (c.layers, "rows", c.heads, "kept", c.head_width)
    states = [State(name, shape, none) for name in ("keys", "values")]
    before = [graph.state(state, rows, 1) for state in states]
    positions = _positions(model, graph, graph.size(before[0], 3), new)
    x = graph("Gather", graph.constant(model.embedding.weight, "embedding.weight"), "ids")
    kept: list[list[str]] = []
    for layer in range(c.layers):
        number = graph.one_whole(layer)
        past = [graph("Gather", each, number) for each in before]
        x, now = _block(model, graph, layer, x, past, positions)
        kept.append([graph("Unsqueeze", each, graph.whole(0)) for each in now])
    for state, layers in zip(states, zip(*kept, strict=True), strict=True):
        graph.name_output(graph("Concat", *layers, axis=0), state.name)
    return graph.linear(_rms_norm(graph, x, model.norm, "norm"), model.head, "head")


@dataclass(frozen=True, slots=True)
class _Positions:
    """Where the new ids stand among all that are left."""

    keys: tuple[str, str]
    """Cosines and signed sines `S, D`."""
    queries: tuple[str, str]
    """The same, `T, D`."""
    mask: str
    """`T, S`: what is added to scores."""


def _block(
    model: Decoder, graph: Graph, layer: int, x: str, past: list[str], positions: _Positions
) -> tuple[str, list[str]]:
    """A block's output, and the keys and values that may be seen again."""
    c, block = model.config, cast(Block, model.blocks[layer])
    attention, mlp, name = block.attention, block.mlp, f"blocks.{layer}"

    def heads(matrix: nn.Linear, part: str) -> str:
        product = graph.linear(h, matrix, f"{name}.attention.{part}")
        split = graph("Reshape", product, graph.whole(0, 0, c.heads, c.head_width))
        return graph("Transpose", split, perm=[0, 2, 1, 3])

    h = _rms_norm(graph, x, block.attention_norm, f"{name}.attention_norm")
    q, k, v = heads(attention.q, "q"), heads(attention.k, "k"), heads(attention.v, "v")
    q = _rms_norm(graph, q, attention.q_norm, f"{name}.attention.q_norm")
    k = _rms_norm(graph, k, attention.k_norm, f"{name}.attention.k_norm")
    k, v = (graph("Concat", old, now, axis=2) for old, now in zip(past, (k, v), strict=True))
    kept = [graph.last(each, c.context - 1, 2) for each in (k, v)]
    q = _rotate(graph, q, positions.queries, c.head_width)
    k = _rotate(graph, k, positions.keys, c.head_width)
    scores = graph("MatMul", q, graph("Transpose", k, perm=[0, 1, 3, 2]))
    scores = graph("Mul", scores, graph.number(c.head_width**-0.5))
    weights = graph("Softmax", graph("Add", scores, positions.mask), axis=-1)
    mixed = graph("Transpose", graph("MatMul", weights, v), perm=[0, 2, 1, 3])
    mixed = graph("Reshape", mixed, graph.whole(0, 0, c.width))
    x = graph("Add", x, graph.linear(mixed, attention.o, f"{name}.attention.o"))
    h = _rms_norm(graph, x, block.mlp_norm, f"{name}.mlp_norm")
    gate, up = (
        graph.linear(h, mlp.gate, f"{name}.mlp.gate"),
        graph.linear(h, mlp.up, f"{name}.mlp.up"),
    )
    gated = graph("Mul", graph("Mul", gate, graph("Sigmoid", gate)), up)
    return graph("Add", x, graph.linear(gated, mlp.down, f"{name}.mlp.down")), kept


def _positions(model: Decoder, graph: Graph, past: str, new: str) -> _Positions:
    """For P past positions and T new ones."""
    c = model.config
    zero, one = graph.one_whole(0), graph.one_whole(1)
    end = graph("Squeeze", graph("Add", past, new))
    positions = graph("Range", zero, end, one)
    queries = graph("Slice", positions, past, graph.whole(_END), graph.whole(0))
    distance = graph("Sub", graph("Unsqueeze", queries, graph.whole(1)), positions)
    seen = graph(
        "And",
        graph("GreaterOrEqual", distance, zero),
        graph("Less", distance, graph.one_whole(c.context)),
    )
    mask = graph("Where", seen, graph.number(0), graph.number(float(np.finfo(np.float32).min)))
    frequencies = rotation_frequencies(c.rope_theta, c.head_width, model.embedding.weight.device)
    float_positions = graph("Unsqueeze", graph("Cast", positions, to=1), graph.whole(1))
    angles = graph("Mul", float_positions, graph.constant(frequencies, "frequencies"))
    cosine, sine = graph("Cos", angles), graph("Sin", angles)
    turns = (
        graph("Concat", cosine, cosine, axis=1),
        graph("Concat", graph("Neg", sine), sine, axis=1),
    )
    axes, ends = graph.whole(0), graph.whole(_END)
    first, second = (graph("Slice", turn, past, ends, axes) for turn in turns)
    return _Positions(turns, (first, second), mask)


def _rotate(graph: Graph, x: str, rotation: tuple[str, str], width: int) -> str:
    """As `litteragpt.architectures.decoder.rotate`."""
    first, second = graph.several(2, "Split", x, graph.whole(width // 2, width // 2), axis=-1)
    rolled = graph("Concat", second, first, axis=-1)
    cosines, sines = rotation
    return graph("Add", graph("Mul", x, cosines), graph("Mul", rolled, sines))


def _rms_norm(graph: Graph, x: str, norm: nn.RMSNorm, name: str) -> str:
    assert norm.eps is not None
    square = graph("ReduceMean", graph("Mul", x, x), graph.whole(-1))
    length = graph("Sqrt", graph("Add", square, graph.number(norm.eps)))
    return graph("Mul", graph("Div", x, length), graph.constant(norm.weight, f"{name}.weight"))


def _mlp(model: MLP, graph: Graph) -> str:
    c = model.config
    start = np.full((1, c.context - 1), c.vocab_size, dtype=np.int64)
    state = State("seen", ("rows", c.context - 1), start)
    seen = graph("Concat", graph.state(state, graph.size("ids", 0), 0), "ids", axis=1)
    graph.name_output(graph.last(seen, c.context - 1, 1), state.name)
    x = graph("Gather", graph.constant(model.embedding.weight, "embedding.weight"), seen)
    x = graph("Transpose", x, perm=[0, 2, 1])

    def over_windows(layer: nn.Linear, name: str) -> str:
        kernel = layer.weight.view(-1, c.context, c.width).transpose(1, 2)
        values = [x, graph.constant(kernel, f"{name}.weight")]
        if layer.bias is not None:
            values.append(graph.constant(layer.bias, f"{name}.bias"))
        return graph("Transpose", graph("Conv", *values), perm=[0, 2, 1])

    h = graph("Tanh", over_windows(model.first, "first"))
    for number, layer in enumerate(model.further):
        assert isinstance(layer, nn.Linear)
        h = graph("Add", h, graph("Tanh", graph.linear(h, layer, f"further.{number}")))
    logits = graph.linear(h, model.head, "head")
    if model.direct is not None:
        logits = graph("Add", logits, over_windows(model.direct, "direct"))
    return logits


def _lstm(model: LSTM, graph: Graph) -> str:
    c = model.config
    rows = graph.size("ids", 0)
    start = np.zeros((c.layers, 1, c.hidden), dtype=np.float32)
    states = [State(name, (c.layers, "rows", c.hidden), start) for name in ("hidden", "cells")]
    before = [graph.state(state, rows, 1) for state in states]
    embedding = graph.constant(model.embedding.weight, "embedding.weight")
    x = graph("Transpose", graph("Gather", embedding, "ids"), perm=[1, 0, 2])
    ends: list[Sequence[str]] = []
    for number, layer in enumerate(model.layers):
        assert isinstance(layer, nn.LSTM)
        start_of = [graph("Gather", past, graph.whole(number)) for past in before]
        from_input, from_output, bias, second_bias = map(_gates, layer.all_weights[0])
        y, *end = graph.several(
            3,
            "LSTM",
            x,
            graph.constant(from_input[None], f"layers.{number}.input"),
            graph.constant(from_output[None], f"layers.{number}.output"),
            graph.constant(np.concatenate([bias, second_bias])[None], f"layers.{number}.bias"),
            "",
            *start_of,
            hidden_size=c.hidden,
        )
        x = graph("Squeeze", y, graph.whole(1))
        ends.append(end)
    for state, values in zip(states, zip(*ends, strict=True), strict=True):
        graph.name_output(graph("Concat", *values, axis=0), state.name)
    logits = graph.linear(graph("Transpose", x, perm=[1, 0, 2]), model.dense, "dense")
    if c.tied:
        logits = graph("MatMul", logits, graph("Transpose", embedding, perm=[1, 0]))
    return logits


def _gates(weight: Tensor) -> npt.NDArray[np.float32]:
    """Gates in torch's order (input, forget, cell, output) in that of ONNX: the output second."""
    array: npt.NDArray[np.float32] = weight.detach().float().cpu().numpy()
    into, forget, cell, out = np.split(array, 4)
    return np.concatenate([into, out, forget, cell])


_BUILDS: Final[Mapping[type[object], Build]] = MappingProxyType(
    {Decoder: _decoder, MLP: _mlp, LSTM: _lstm}
)
