"""The sections of a configuration: every key, what it may be, what it is unless somebody says otherwise.

    [task]      text = "corpus.txt"   or   name = "golden-mean"
    [arms]      names = ["born+quantum", "softmax+adam"]
    [[arm]]     head, metric, and what makes it another arm: name, backend, match, refresh, damping, …
    [heads]     circuit, layers, embedding: what all arms share
    [trunk]     name = "gpt": what all heads stand on (`trunk_section.py`)
    [training]  steps, batch, seeds
    [tuning]    the trials every arm gets, on seeds of their own
    [protocol]  replicates, final runs of each: what a verdict takes
    [race]      steps of equal KL from common checkpoints, in every replicate
    [backend]   where quantum heads are run again after training
    [plugins]   modules = ["my_module"], which register heads, metrics, methods or sources of their own

The text under a key is its comment in a file of `qgeo compare --write-config` (`config_file.py`).
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeGuard, get_args

from pydantic import BaseModel, Field, field_validator, model_validator

from qgeo.comparison.section import Count, List, Positive, Section
from qgeo.comparison.trunk_section import TrunkSection
from qgeo.heads.kinds import HEADS

MOST_FINALS = 10_000
"""Final runs of an arm: seeds of tuning begin there."""


class TaskSection(Section):
    """What is learned: a text file, a named source, or (neither given) the corpus that comes with qgeo."""

    text: str | None = None
    """A UTF-8 text file; its commonest characters are the tokens."""
    title: str | None = None
    """What the report calls it; default the file's name."""
    name: str | None = None
    """A named source instead of a text; `qgeo compare --help` lists them."""
    context: Annotated[int, Field(ge=1, le=64)] = 3
    """Tokens that a head sees."""
    vocabulary: Annotated[int, Field(ge=2, le=256)] = 32
    """Most tokens, the one for all others included."""
    length: Count = 20_000
    """Tokens drawn from a named source."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of that drawing."""

    @model_validator(mode="after")
    def _one_of(self) -> TaskSection:
        if self.text is not None and self.name is not None:
            raise ValueError("give a text or a task name, not both")
        return self


def with_circuit(head: str | None) -> str | None:
    """The name of a head that classical ones can be matched to.

    Raises:
        ValueError: it has no circuit.
    """
    quantum = [name for name, kind in HEADS.items() if kind.is_quantum]
    if head is not None and head not in quantum:
        raise ValueError(f"expected a quantum head among {', '.join(quantum)}")
    return head


DEFAULT_ARMS = ("born+adam", "born+quantum", "born+classical", "softmax+adam", "softmax+classical")


class ArmsSection(Section):
    """Which arms run, as HEAD+METRIC or HEAD+METRIC@BACKEND: short for tables `[[arm]]` with nothing else."""

    names: Annotated[tuple[str, ...], List] = DEFAULT_ARMS
    """HEAD+METRIC or HEAD+METRIC@BACKEND, each a run per seed."""

    @model_validator(mode="after")
    def _distinct(self) -> ArmsSection:
        if len(set(self.names)) < len(self.names):
            raise ValueError("name at least one arm, and each arm once")
        return self


class ArmSection(Section):
    """An arm as a table, behind those that are named."""

    head: str
    """A kind of head."""
    metric: str
    """A metric or a first-order optimizer."""
    name: Annotated[str | None, Field(pattern=r"^[\w +@.,=-]{1,80}$")] = None
    """Default HEAD+METRIC@BACKEND."""
    backend: str = "exact"
    """Where it trains from shots."""
    match: str | None = None
    """The quantum head whose size a classical head gets; default heads.matched_to."""
    circuit: str | None = None
    """Instead of heads.circuit."""
    refresh: Count | None = None
    """Instead of training.refresh."""
    kl: Positive | None = None
    """KL divergence of its first step, instead of those that are tried. An arm with nothing left to tune has
    no trials."""
    damping: Positive | None = None
    """Instead of those of tuning.damping."""
    lr: Positive | None = None
    """Learning rate of a first-order arm, instead of those that are tried."""
    frozen: Annotated[tuple[Literal["circuit", "encoder", "readout"], ...], List] = ()
    """Groups of parameters that stay as they are drawn."""
    seed_stream: Annotated[int, Field(ge=0, le=1000)] = 0
    """Another one draws other initial numbers, batches and shots from the same seeds."""

    @field_validator("match")
    @classmethod
    def _has_a_circuit(cls, name: str | None) -> str | None:
        return with_circuit(name)


class HeadsSection(Section):
    """What heads are made of. A classical head gets the width closest in parameters to the head `matched_to`,
    by default that of the first quantum arm, or born where there is none.
    """

    matched_to: str | None = None
    """The quantum head whose size classical heads get; default that of the first quantum arm."""
    circuit: str = "hardware-efficient"
    """The ansatz of quantum heads."""
    layers: Annotated[int, Field(ge=1, le=1000)] = 3
    """Of the ansatz."""
    qubits: Annotated[int, Field(ge=1, le=20)] | None = None
    """Default the fewest whose outcomes hold the vocabulary."""
    embedding: Annotated[int, Field(ge=1, le=1024)] = 4
    """Width of the embedding of tokens; there is none on a trunk."""
    start: Literal["uniform", "random"] = "uniform"
    """Of all heads: near equal probabilities, or spread."""

    @field_validator("matched_to")
    @classmethod
    def _has_a_circuit(cls, name: str | None) -> str | None:
        return with_circuit(name)


class TrainingSection(Section):
    """The budget, the same for every arm. Steps shorten along a cosine, or keep their size.

    A metric is taken anew every `refresh` steps.
    """

    steps: Count = 150
    """Per run."""
    batch: Count = 128
    """Contexts per step."""
    seeds: Annotated[int, Field(ge=1, le=MOST_FINALS)] = 3
    """Final runs per arm, where there are no replicates."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """cosine: KL divergences of steps, and learning rates, fall by cos²(πt/2T) at step t of T."""
    evaluate_every: Count = 15
    """Steps from one validation loss of a final run to the next."""
    validation_windows: Count = 2048
    """Contexts that a validation loss is taken over."""
    test_windows: Count = 4096
    """Contexts that the final loss is taken over."""
    refresh: Count = 1
    """Steps for which a metric is kept."""


class TuningSection(Section):
    """Trials, as many for every arm: the pairs of `kl` and `damping` for natural gradients, as many values of
    what else there is to choose for all others (`trials.py`), on seeds that no final run uses.

    `damping` is relative: λ = damping · tr F / P at each step, so that no metric gains by its units.
    """

    kl: Annotated[tuple[Positive, ...], List] = (0.01, 0.03, 0.1, 0.3)
    """KL divergences of a natural gradient's first step, nats per token."""
    damping: Annotated[tuple[Positive, ...], List] = (0.001, 0.03, 0.3, 3.0)
    """Relative: λ = damping · tr F / P at each step."""
    kl_alone: Annotated[tuple[Positive, ...], List] = (0.001, 1.0)
    """Least and largest KL divergence of arms that have no damping to choose."""
    lr: Annotated[tuple[Positive, ...], List] = (0.001, 3.0)
    """Least and largest learning rate of first-order arms."""
    seeds: Annotated[int, Field(ge=1, le=1000)] = 1
    """Runs per trial, in every replicate."""

    @field_validator("kl", "damping")
    @classmethod
    def _distinct(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if not values or len(set(values)) < len(values):
            raise ValueError("give at least one value, and each one once")
        return values

    @field_validator("kl_alone", "lr")
    @classmethod
    def _ends(cls, ends: tuple[float, ...]) -> tuple[float, ...]:
        if len(ends) != 2 or not ends[0] <= ends[1]:
            raise ValueError("give the least and the largest of them")
        return ends

    @model_validator(mode="after")
    def _as_many_for_all(self) -> TuningSection:
        """Between two equal ends there is one trial."""
        is_one = self.kl_alone[0] == self.kl_alone[1] or self.lr[0] == self.lr[1]
        if len(self.kl) * len(self.damping) > 1 and is_one:
            raise ValueError(
                "give two different ends of kl_alone and lr, so that all arms have as many trials"
            )
        return self


class ProtocolSection(Section):
    """What a verdict takes. A replicate has training data of its own, trials and a choice among them of its
    own, and `finals` final runs of that choice; its value is their mean, and these values are compared.

    Without `replicates`, all final runs share one choice: a demonstration, given these settings.
    """

    replicates: Annotated[int, Field(ge=2, le=1000)] | None = None
    """Of the arms that a verdict is about: F_Q and F_C on one head."""
    finals: Annotated[int, Field(ge=1, le=100)] = 4
    """Final runs of a replicate."""
    exploratory: Annotated[int, Field(ge=2, le=1000)] = 10
    """Replicates of all other arms, at most as many as of those."""
    tokens: Count | None = None
    """Training tokens of a replicate; default as many as leave those of a text disjoint, all of a source."""
    axis: Literal["steps"] = "steps"
    """The budget that is the same for all arms when they are tuned and compared."""

    @model_validator(mode="after")
    def _countable(self) -> ProtocolSection:
        if (self.replicates or 1) * self.finals > MOST_FINALS:
            raise ValueError(f"give at most {MOST_FINALS} final runs in all replicates together")
        return self


class RaceSection(Section):
    """The shadow race of F_Q and F_C in every replicate: from checkpoints of its trainings one step of equal
    KL of both, and whose lowers the test loss more.
    """

    draws: Annotated[int, Field(ge=0, le=10_000)] = 8
    """Batches that each checkpoint is left from; 0 for no race."""
    steps: Annotated[tuple[Annotated[int, Field(ge=0)], ...], List] = (0, 5, 20, 60)
    """Checkpoints, in steps of a training."""
    kl: Positive = 0.003
    """Of a step, nats per token on its batch."""
    windows: Count = 1024
    """Contexts that drops and predictions are taken over."""


class BackendSection(Section):
    """Where quantum heads train a second time, from `shots` per circuit, unless the name is `exact`; circuits
    of a metric have `metric_shots`, by default the same.

    With `max_seconds`, a budget in QPU seconds that an IBM device needs, everything that trains there goes
    through a ledger in the run folder, so that nothing is posted twice. With `mitigate_readout` every job
    measures its readout errors, and they are inverted. Every trained quantum head runs again on Aer: exactly,
    and for an arm's first seed with `shots` samples for each of `contexts`.
    """

    name: Annotated[str, Field(min_length=1, max_length=100)] = "exact"
    """exact, or where every quantum arm trains a second time, from shots."""
    shots: Annotated[int, Field(ge=1, le=10_000_000)] = 4096
    """Per circuit."""
    metric_shots: Annotated[int, Field(ge=2, le=10_000_000)] | None = None
    """Per circuit of a metric; default shots."""
    contexts: Annotated[int, Field(ge=1, le=256)] = 256
    """Contexts on which a trained quantum head is run again on Aer."""
    max_seconds: Positive | None = None
    """Budget in QPU seconds, which an IBM device needs; runs then go through a ledger."""
    mitigate_readout: bool = False
    """Measure the readout errors in every job, and invert them."""


class PluginsSection(Section):
    """Modules that are imported before anything else is read, in every process (`registry.py`)."""

    modules: Annotated[tuple[str, ...], List] = ()
    """Importable modules."""


class Configuration(Section):
    """Everything that decides a comparison's numbers."""

    plugins: PluginsSection = PluginsSection()
    task: TaskSection = TaskSection()
    arms: ArmsSection = ArmsSection()
    arm: Annotated[tuple[ArmSection, ...], List] = ()
    heads: HeadsSection = HeadsSection()
    trunk: TrunkSection = TrunkSection()
    training: TrainingSection = TrainingSection()
    tuning: TuningSection = TuningSection()
    protocol: ProtocolSection = ProtocolSection()
    race: RaceSection = RaceSection()
    backend: BackendSection = BackendSection()

    @model_validator(mode="after")
    def _arms(self) -> Configuration:
        """Where there are tables, only those names that are given stand beside them."""
        if self.arm and "arms" not in self.model_fields_set:
            object.__setattr__(self, "arms", ArmsSection(names=()))
        if not (self.arms.names or self.arm):
            raise ValueError("arms: name at least one arm, and each arm once")
        return self

    @model_validator(mode="after")
    def _measured_twins(self) -> Configuration:
        """On a backend every quantum arm has a twin that trains there, right behind it."""
        names, twin = self.arms.names, f"@{self.backend.name}"
        foreign = [name for name in names if "@" in name and not name.endswith(twin)]
        if foreign:
            raise ValueError(f"the arm {foreign[0]} needs backend.name = {foreign[0].partition('@')[2]!r}")
        if self.backend.name == "exact" or any("@" in name for name in names):
            return self
        both = [(name, name + twin) if _is_quantum(name) else (name,) for name in names]
        arms = ArmsSection(names=tuple(name for pair in both for name in pair))
        object.__setattr__(self, "arms", arms)  # frozen for everybody else
        return self

    @model_validator(mode="after")
    def _paid_for(self) -> Configuration:
        """A verdict takes hundreds of runs, which nobody pays for on a device."""
        if self.backend.max_seconds is not None and self.protocol.replicates is not None:
            raise ValueError(
                "protocol.replicates: leave it out on a backend with a budget, and set training.seeds"
            )
        return self

    @model_validator(mode="after")
    def _matched(self) -> Configuration:
        """Classical heads are as large as a quantum head that stands beside them."""
        if self.heads.matched_to is None:
            heads = [*self.arms.names, *(arm.head for arm in self.arm)]
            quantum = [name.split("+")[0] for name in heads if _is_quantum(name)]
            matched = self.heads.model_copy(update={"matched_to": (*quantum, "born")[0]})
            object.__setattr__(self, "heads", matched)
        return self


def _is_quantum(arm: str) -> bool:
    """Whether an arm's head has a circuit; a head that nobody knows is refused later, by name."""
    head = arm.partition("+")[0]
    return head in HEADS and HEADS[head].is_quantum


def model_at(place: tuple[int | str, ...]) -> type[BaseModel]:
    """The section that stands at a place of a configuration, such as ("training",) or ("arm", 0).

    >>> model_at(("arm", 0)).__name__
    'ArmSection'
    """
    if not place:
        return Configuration
    annotation = Configuration.model_fields[str(place[0])].annotation
    return next(model for model in (annotation, *get_args(annotation)) if _is_section(model))


def _is_section(kind: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
