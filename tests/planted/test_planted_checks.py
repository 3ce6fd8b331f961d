"""Planted checks (i), (i′) and (ii) of the protocol on recorded runs: is it right where the truth is known?

    (i)    an arm against itself from another seed stream      different in at most 32 of 400 repeats
    (i′)   the same with one side's excess × .8, or × 1/.8     "better", or "worse", in at least 320 of 400
    (ii)   the trap: F_Q against F_C, six trials, on a text    "better" in more than 20 of 400 repeats by one
                                                               tuning seed and ten final seeds; by replicates
                                                               better or worse in at most 40, and different in
                                                               at most 32 once sides are exchanged at random

Different is p < .05, whether called "better", "worse" or "equivalent, smaller by x". 32 of 400 is what a
right 5% exceeds in one of 300 cases. In (ii) replicates have p < .05 nearly always: F_Q ends .06 u worse on
the recorded blocks, inside the margin of .1 u. That is no null; exchanging sides makes one of the same runs.

What is recorded: `plans.py`; how it is repeated: `resampling.py`. The comment in each test names the planted
faults it was seen to fail under.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import lru_cache, partial

import numpy as np
import pytest
from planted.plans import FINALS, PLANS, REPLICATES, plan
from planted.pool import Pool, final_run, path_of, read_pool
from planted.resampling import (
    Pair,
    Protocol,
    Repeat,
    drawn,
    old_call,
    protocol,
    swapped,
    task_and_unit,
    two_arms,
    two_streams,
)

from qgeo.comparison.arms import arms_of
from qgeo.comparison.replicates import data_of, final_seeds
from qgeo.comparison.trials import trials
from qgeo.comparison.verdicts import Verdict
from qgeo.statistics.equivalence import ALPHA

REPEATS = 400
SEEDS_OF_OLD = 10

pool = lru_cache(read_pool)


@lru_cache
def protocol_of(name: str) -> Protocol:
    return protocol(pool(name).configuration, FINALS, REPLICATES)


def different(found: list[Verdict]) -> int:
    """With p < .05, whether they are equivalent as well or not."""
    return sum(each.p is not None and each.p < ALPHA for each in found)


def calls_of(title: str, found: list[Verdict]) -> Counter[str]:
    """Counted and shown."""
    calls = Counter(each.verdict for each in found)
    show(f"{title} (p < .05 in {different(found)} of {len(found)})", calls)
    assert calls["none"] == 0
    return calls


def streams(name: str, arm: str) -> Repeat:
    return partial(two_streams, pool(name).ends[arm], FINALS)


def arms(name: str, finals: int) -> Repeat:
    return partial(
        two_arms, *(pool(name).ends[f"born+{metric}"] for metric in ("quantum", "classical")), finals
    )


def show(title: str, calls: Counter[str]) -> None:
    """With the standard error of a binomial share."""
    total = calls.total()
    shares = (
        f"{call} {n / total:.1%} ± {np.sqrt(n * (total - n) / total**3):.1%}" for call, n in calls.items()
    )
    print(f"{title}: {', '.join(sorted(shares))}")


# --- the pools --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLANS)
def test_a_pool_is_small_and_was_recorded_from_its_plan(name: str):
    found: Pool = pool(name)
    assert found.configuration == plan(name)
    assert path_of(name).stat().st_size < 150_000
    draws = plan(name).protocol.replicates or 1
    finals = len(final_seeds(plan(name), 0))
    for ends in found.ends.values():
        assert ends.shape == (draws, plan(name).tuning.seeds, finals)


@pytest.mark.parametrize("name", PLANS)
def test_a_recorded_run_comes_out_again(name: str):
    # Seen to fail: another data draw, another seed, half as much damping again. Where a training has changed:
    # remove the file, and record it anew.
    configuration, replicate = plan(name), (plan(name).protocol.replicates or 1) - 1
    arm = arms_of(configuration)[-1]
    kept = json.loads(path_of(name).read_text(encoding="utf-8"))["draws"][replicate][arm.name]["ends"]
    label, ends = next(iter(kept.items()))
    setting = next(setting for setting in trials(arm, configuration.tuning) if setting.label == label)
    task, _ = task_and_unit(configuration.task, configuration.training.test_windows)
    data = data_of(configuration, task, replicate)
    again = final_run(configuration, data, arm, setting, final_seeds(configuration, replicate)[-1])
    assert again == pytest.approx(ends[-1], rel=1e-3)


# --- (i) --------------------------------------------------------------------------------------------------


def test_the_same_arm_from_two_streams_is_called_different_in_at_most_32_of_400_repeats():
    # Seen to fail: final seeds counted as replicates, their number in the standard error, α of 10%.
    found = protocol_of("same-arm").verdicts(streams("same-arm", "born+classical"), REPEATS, seed=0)
    calls = calls_of("(i) the same arm twice", found)
    assert calls["better"] + calls["worse"] <= different(found) <= 32


def test_final_seeds_counted_as_units_would_fail_that():
    judge = protocol(pool("same-arm").configuration, 1, REPLICATES * FINALS)
    alone = streams("same-arm", "born+classical")
    found = judge.verdicts(lambda generator: as_units(alone(generator)), REPEATS, seed=0)
    calls_of("(i) the same arm twice, final seeds as units", found)
    assert different(found) > 32


def as_units(pair: Pair) -> Pair:
    return pair[0].reshape(-1, 1), pair[1].reshape(-1, 1)


# --- (i′) -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ratio", "call"), [(0.8, "better"), (1 / 0.8, "worse")])
def test_a_planted_excess_ratio_is_called_in_four_of_five_repeats(ratio: float, call: str):
    # Seen to fail: lower taken for worse, a ratio of .9.
    def planted(generator: np.random.Generator) -> Pair:
        ours, theirs = alone(generator)
        return ratio * ours, theirs

    alone = streams("same-arm", "born+classical")
    calls = calls_of(
        f"(i') an excess ratio of {ratio:g}", protocol_of("same-arm").verdicts(planted, REPEATS, seed=1)
    )
    assert calls[call] >= 0.8 * REPEATS
    assert calls["better"] + calls["worse"] == calls[call]


# --- (ii) -------------------------------------------------------------------------------------------------


def old_calls(repeat: Repeat) -> Counter[str]:
    return Counter(old_call(pair) for pair in drawn(repeat, REPEATS, seed=2))


def test_one_tuning_seed_and_ten_final_seeds_find_what_is_not_there():
    # Also of one arm against itself, where nothing is: more than twice as often as the 5% it claims.
    calls = old_calls(arms("trap-one-tuning", SEEDS_OF_OLD))
    show("(ii) F_Q against F_C, one tuning seed", calls)
    assert calls["better"] > 0.05 * REPEATS
    for arm, ends in pool("trap-one-tuning").ends.items():
        calls = old_calls(partial(two_streams, ends, SEEDS_OF_OLD))
        show(f"(ii) {arm} against itself, one tuning seed", calls)
        assert calls["better"] + calls["worse"] > 0.1 * REPEATS


def test_replicates_call_neither_better_in_nine_of_ten_repeats():
    # Seen to fail: lower taken for worse.
    found = protocol_of("trap-replicates").verdicts(arms("trap-replicates", FINALS), REPEATS, seed=3)
    calls = calls_of("(ii) F_Q against F_C, replicates", found)
    assert calls["better"] + calls["worse"] <= 0.1 * REPEATS
    assert calls["better"] == 0


def test_replicates_find_at_most_32_differences_where_sides_are_exchanged():
    # Seen to fail: final seeds counted as replicates, their number in the standard error.
    pairs, judge = arms("trap-replicates", FINALS), protocol_of("trap-replicates")
    found = judge.verdicts(lambda generator: swapped(pairs(generator), generator), REPEATS, seed=4)
    calls_of("(ii) F_Q against F_C, sides exchanged at random, replicates", found)
    assert different(found) <= 32


@pytest.mark.parametrize(
    ("seeds", "reason"),
    [
        (10, "too few replicates: 10, a verdict takes 40"),
        (40, "not tuned enough: 1 tuning draws, a verdict takes 10"),
    ],
)
def test_the_old_comparison_has_no_verdict(seeds: int, reason: str):
    # Seen to fail: tuning draws counted per final seed, one of them enough.
    judge = protocol(pool("trap-one-tuning").configuration, seeds, None)
    pair = next(drawn(arms("trap-one-tuning", SEEDS_OF_OLD), 1, seed=6))
    found = judge.verdict((np.tile(pair[0], seeds // SEEDS_OF_OLD), np.tile(pair[1], seeds // SEEDS_OF_OLD)))
    assert (found.verdict, found.reason) == ("none", reason)
