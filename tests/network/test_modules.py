"""Modules seen from outside are left as they were."""

import pytest
import torch
from network.test_reading import Noisy, X
from spellings import SPELLINGS, Raw

from relucvx.errors import InvalidInputError
from relucvx.kernel import representation_kernel
from relucvx.network import from_torch


def test_reading_leaves_the_module_as_it_was():
    module = Raw().train()
    other = SPELLINGS["nested"]().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    noisy = Noisy()
    state = torch.random.get_rng_state()
    representation_kernel(other, X)
    with pytest.raises(InvalidInputError, match="Noisy"):
        from_torch(noisy)
    from_torch(module)
    assert module.training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)
