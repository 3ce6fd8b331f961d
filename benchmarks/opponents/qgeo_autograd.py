"""qgeo's own gradients by torch's autograd, beside those without it. Usage: see worker.py."""

from __future__ import annotations

import os

import torch

from benchmarks.ours import born_gradient_by_autograd, expectation_gradient_by_autograd
from benchmarks.worker import serve

if __name__ == "__main__":
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    serve(
        {
            "born_gradient": born_gradient_by_autograd,
            "expectation_gradient": expectation_gradient_by_autograd,
        }
    )
