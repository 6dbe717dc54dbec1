"""LSTM and GRU."""

from __future__ import annotations

from operator import getitem
from typing import Any

from engines.torch_ops.table import Op, operator

_LSTM_GATES = (0, 2, 3, 1)
"""Where PyTorch's gates (input, forget, cell, output) are in ONNX's order: i, o, f, c."""
_GRU_GATES = (1, 0, 2)
"""Where PyTorch's gates (reset, update, new) are in ONNX's order: z, r, h."""


@operator("LSTM")
def lstm(op: Op) -> Any:
    """Return outputs (T, D, N, H), and the last (D, N, H) of the output and of the cell."""
    if op.has(7):
        op.refuse("peepholes")
    _check(op, ("Sigmoid", "Tanh", "Tanh"))
    net = op.torch.nn.LSTM(**_size(op))
    _load(op, net, _LSTM_GATES)
    state = None
    if op.has(5) or op.has(6):
        hidden, cell = op.tensor(5), op.tensor(6)
        hidden = op.call(op.torch.zeros_like, cell) if hidden is None else hidden
        cell = op.call(op.torch.zeros_like, hidden) if cell is None else cell
        state = (hidden, cell)
    made = _run(op, net, state)
    states = op.call(getitem, made, 1)
    return _by_direction(op, made), op.call(getitem, states, 0), op.call(getitem, states, 1)


@operator("GRU")
def gru(op: Op) -> Any:
    """Return outputs (T, D, N, H), and the last (D, N, H)."""
    _check(op, ("Sigmoid", "Tanh"))
    if op.attr("linear_before_reset", 0):
        net = op.torch.nn.GRU(**_size(op))
        _load(op, net, _GRU_GATES)
    else:
        net = _early_reset(op)
    made = _run(op, net, op.tensor(5))
    return _by_direction(op, made), op.call(getitem, made, 1)


def _check(op: Op, functions: tuple[str, ...]) -> None:
    """Refuse what PyTorch's layers cannot do."""
    given = op.attr("activations")
    if given and tuple(each.decode() for each in given) != functions * _directions(op):
        op.refuse(f"activations {[each.decode() for each in given]}; only {list(functions)}")
    for name in ("clip", "input_forget", "layout"):
        if op.attr(name, 0):
            op.refuse(f"{name} {op.attr(name)}")
    if op.has(4):
        op.refuse("sequence_lens; all sequences must be equally long")


def _directions(op: Op) -> int:
    return 2 if op.attr("direction") == "bidirectional" else 1


def _size(op: Op) -> dict[str, Any]:
    weight = op.weight(1)
    return {
        "input_size": weight.shape[2],
        "hidden_size": op.weight(2).shape[2],
        "bias": op.has(3),
        "bidirectional": _directions(op) == 2,
        "dtype": weight.dtype,
    }


def _load(op: Op, net: Any, gates: tuple[int, ...]) -> None:
    """Give PyTorch's layer the weights, gates in its order."""
    hidden = net.hidden_size
    rows = op.torch.cat([op.torch.arange(hidden) + gate * hidden for gate in gates])
    for place, end in enumerate(("", "_reverse")[: _directions(op)]):
        getattr(net, "weight_ih_l0" + end).copy_(op.weight(1)[place][rows])
        getattr(net, "weight_hh_l0" + end).copy_(op.weight(2)[place][rows])
        if op.has(3):
            biases = op.weight(3)[place]
            half = len(biases) // 2
            getattr(net, "bias_ih_l0" + end).copy_(biases[:half][rows])
            getattr(net, "bias_hh_l0" + end).copy_(biases[half:][rows])


def _run(op: Op, net: Any, state: Any) -> Any:
    """Call the layer; ``reverse`` alone is the forward layer on reversed time."""
    values = op.tensor(0)
    if op.attr("direction") == "reverse":
        values = op.call(op.torch.flip, values, (0,))
    return op.graph.call_module(net, values, state)


def _by_direction(op: Op, made: Any) -> Any:
    """Turn PyTorch's (T, N, D·H) into ONNX's (T, D, N, H)."""
    values = op.call(getitem, made, 0)
    if op.attr("direction") == "reverse":
        values = op.call(op.torch.flip, values, (0,))
    if _directions(op) == 1:
        return op.call("unsqueeze", values, 1)
    halves = op.call("unflatten", values, 2, (2, -1))
    return op.call("permute", halves, (0, 2, 1, 3))


def _early_reset(op: Op) -> Any:
    """Return a GRU that resets the state before the matrix product, which PyTorch has not."""
    torch = op.torch

    class EarlyResetGru(torch.nn.Module):  # type: ignore[name-defined]
        """Maps (T, N, I) and (D, N, H) to (T, N, D·H) and (D, N, H), step by step."""

        def __init__(self) -> None:
            super().__init__()
            directions, rows, _ = op.weight(1).shape
            bias = op.weight(3) if op.has(3) else op.weight(1).new_zeros(directions, 2 * rows)
            self.register_buffer("inputs", op.weight(1).clone())
            self.register_buffer("hidden", op.weight(2).clone())
            self.register_buffer("bias", bias.clone())

        def forward(self, values: Any, state: Any) -> tuple[Any, Any]:
            ways, last = [], []
            for way in range(len(self.inputs)):
                start = values.new_zeros(values.shape[1], self.hidden.shape[2])
                steps = self._way(values.flip(0) if way else values, way,
                                  start if state is None else state[way])  # fmt: skip
                last.append(steps[-1])
                ways.append(torch.stack(steps[::-1] if way else steps))
            return torch.cat(ways, 2), torch.stack(last)

        def _way(self, values: Any, way: int, state: Any) -> list[Any]:
            size = self.hidden.shape[2]
            bias, hidden = self.bias[way], self.hidden[way]
            seen = values @ self.inputs[way].T + bias[: 3 * size]
            steps = []
            for now in seen:
                gates = now[:, : 2 * size] + state @ hidden[: 2 * size].T
                update, reset = (gates + bias[3 * size : 5 * size]).sigmoid().chunk(2, 1)
                drawn = (reset * state) @ hidden[2 * size :].T + bias[5 * size :]
                fresh = (now[:, 2 * size :] + drawn).tanh()
                state = (1 - update) * fresh + update * state
                steps.append(state)
            return steps

    return EarlyResetGru()
