"""Linear programmes in units of one, solved as precisely as the solver manages."""

from __future__ import annotations

from typing import Any

from models.policy.price import Floats

#: Of primal and dual feasibility. Near a degenerate corner the simplex method can fail to confirm its own answer at
#: the finest; a bound never depends on them, because it is evaluated on the rows themselves.
TOLERANCES = (1e-10, 1e-9, 1e-7)
UNCONFIRMED = 4  # scipy's status for numerical difficulties


def minimum(objective: Floats, matrix: Any, most: Floats, bounds: Any) -> Any:
    """The least ``objective @ x`` with ``matrix @ x <= most`` within ``bounds`` (p, 2), as scipy's result; its ``x`` is
    None where no x meets them.

    Raises:
        ArithmeticError: where the solver comes to no answer at any tolerance.
    """
    from scipy.optimize import linprog

    for tolerance in TOLERANCES:
        answer = linprog(
            objective,
            A_ub=matrix,
            b_ub=most,
            bounds=bounds,
            method="highs-ds",
            options={
                "presolve": False,
                "dual_feasibility_tolerance": tolerance,
                "primal_feasibility_tolerance": tolerance,
            },
        )
        if answer.status != UNCONFIRMED:
            return answer
    raise ArithmeticError(f"a linear programme failed: {answer.message}")
