"""Operations that are affine, and those that cannot be followed, which are named."""

import numpy as np
import pytest
import torch
from metrics.regions.architectures import REFUSED

from relucvx.errors import InvalidInputError
from relucvx.network.running.module import RunningModule
from relucvx.network.running.operations import Call


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_followed_is_named(name):
    factory, shape, message = REFUSED[name]
    torch.manual_seed(0)
    module = factory()
    module = module if "training" in name else module.eval()
    with pytest.raises(InvalidInputError, match=f"(?s){message}"):
        RunningModule.of(module, shape).select(None)


class Unknown(torch.nn.Module):
    """An operation that no list has: affine, or with a bend."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def test_operations_on_no_list_are_tried():
    torch.library.define("relucvx_tests::twice", "(Tensor x) -> Tensor")
    torch.library.define("relucvx_tests::bent", "(Tensor x) -> Tensor")
    torch.library.impl("relucvx_tests::twice", "default", lambda x: 2.0 * x.clone() + 1.0)
    torch.library.impl("relucvx_tests::bent", "default", lambda x: x.clone().clamp_(min=20.0))
    for name, followed in (("twice", True), ("bent", False)):
        operation = getattr(torch.ops.relucvx_tests, name)
        if followed:
            assert RunningModule.of(Unknown(operation), (3,)).select(None) == ()
            continue
        with pytest.raises(InvalidInputError, match=r"'bent'.*not affine"):
            RunningModule.of(Unknown(operation), (3,)).select(None)


def test_a_call_knows_its_name_and_its_defaults():
    aten = torch.ops.aten
    call = Call(aten.hardtanh_.default, (torch.zeros(2),), {"max_val": 3.0})
    assert (call.name, call.writes, call.arguments["min_val"], call.arguments["max_val"]) == ("hardtanh", True, -1, 3.0)
    assert Call(aten._to_copy.default, (torch.zeros(2),), {}).name == "_to_copy"
    assert np.isclose(float(call.written[0].sum()), 0.0)
