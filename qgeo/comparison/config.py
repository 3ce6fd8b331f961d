"""The configuration of a comparison: a TOML file, mirrored by the command line's options.

    [task]      text = "corpus.txt"   or   name = "golden-mean"
    [arms]      names = ["born+quantum", "softmax+adam"]
    [[arm]]     head, metric, and what makes it another arm: name, backend, match, refresh, damping, …
    [heads]     circuit, layers, embedding: what all arms share
    [training]  steps, batch, seeds
    [tuning]    the grid every arm gets, on seeds of its own
    [backend]   where quantum heads are run again after training
    [plugins]   modules = ["my_module"], which register heads, metrics, methods or sources of their own

An unknown key is an error that names it.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from qgeo.errors import ConfigurationError
from qgeo.files import Storage
from qgeo.heads.kinds import HEADS
from qgeo.registry import import_plugins

CONFIGURATION_FILES = Storage(
    name="configuration",
    error=ConfigurationError,
    file_mode=0o644,
    folder_mode=0o755,
    when_full="choose another place",
    when_damaged="check the file",
    when_missing="check the path",
)

Count = Annotated[int, Field(ge=1, le=10_000_000)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Section(BaseModel):
    """Strict: true is no number, and "3" none either."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


List = Field(strict=False)
"""TOML has lists where we have tuples."""


class TaskSection(_Section):
    """What is learned: a text file, a named source, or (neither given) the Python language reference."""

    text: str | None = None
    title: str | None = None
    name: str | None = None
    context: Annotated[int, Field(ge=1, le=64)] = 3
    vocabulary: Annotated[int, Field(ge=2, le=256)] = 32
    length: Count = 20_000
    seed: Annotated[int, Field(ge=0)] = 0

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


class ArmsSection(_Section):
    """Which arms run, as HEAD+METRIC or HEAD+METRIC@BACKEND: short for tables `[[arm]]` with nothing else."""

    names: Annotated[tuple[str, ...], List] = DEFAULT_ARMS

    @model_validator(mode="after")
    def _distinct(self) -> ArmsSection:
        if len(set(self.names)) < len(self.names):
            raise ValueError("name at least one arm, and each arm once")
        return self


class ArmSection(_Section):
    """An arm as a table, behind those that are named.

    Attributes:
        name: by default HEAD+METRIC@BACKEND; backend: where it trains from shots.
        match: the quantum head whose size a classical head gets, by default `heads.matched_to`.
        refresh, damping: instead of those of all arms.
        frozen: groups of parameters that stay as they are drawn.
        seed_stream: another one draws other initial numbers, batches and shots from the same seeds.
    """

    head: str
    metric: str
    name: Annotated[str | None, Field(pattern=r"^[\w +@.,=-]{1,80}$")] = None
    backend: str = "exact"
    match: str | None = None
    refresh: Count | None = None
    damping: Positive | None = None
    frozen: Annotated[tuple[Literal["circuit", "encoder", "readout"], ...], List] = ()
    seed_stream: Annotated[int, Field(ge=0, le=1000)] = 0

    @field_validator("match")
    @classmethod
    def _has_a_circuit(cls, name: str | None) -> str | None:
        return with_circuit(name)


class HeadsSection(_Section):
    """What heads are made of. A classical head gets the width closest in parameters to the head `matched_to`,
    by default that of the first quantum arm, or born where there is none.
    """

    matched_to: str | None = None
    circuit: str = "hardware-efficient"
    layers: Annotated[int, Field(ge=1, le=1000)] = 3
    qubits: Annotated[int, Field(ge=1, le=20)] | None = None
    embedding: Annotated[int, Field(ge=1, le=1024)] = 4

    @field_validator("matched_to")
    @classmethod
    def _has_a_circuit(cls, name: str | None) -> str | None:
        return with_circuit(name)


class TrainingSection(_Section):
    """The budget, the same for every arm. Learning rates fall to zero along a cosine, or stay constant.

    `trust_region` bounds every natural-gradient step: KL(p_θ‖p_{θ+δ}) in nats per token on its own batch. A
    metric is taken anew every `refresh` steps.
    """

    steps: Count = 150
    batch: Count = 128
    seeds: Annotated[int, Field(ge=1, le=10_000)] = 3
    schedule: Literal["cosine", "constant"] = "cosine"
    evaluate_every: Count = 15
    validation_windows: Count = 2048
    trust_region: Positive = 0.05
    refresh: Count = 1


class TuningSection(_Section):
    """The grid of trials, the same for every arm, on `seeds` seeds that no final run uses.

    `damping` is relative: λ = damping · tr F / P at each step, so that no metric gains by its units.
    """

    lr: Annotated[tuple[Positive, ...], List] = (0.03, 0.1, 0.3, 1.0, 3.0)
    damping: Positive = 1.0
    seeds: Annotated[int, Field(ge=1, le=1000)] = 1

    @model_validator(mode="after")
    def _distinct(self) -> TuningSection:
        if not self.lr or len(set(self.lr)) < len(self.lr):
            raise ValueError("give at least one learning rate, and each one once")
        return self


class BackendSection(_Section):
    """Where quantum heads train a second time, from `shots` per circuit, unless the name is `exact`; circuits
    of a metric have `metric_shots`, by default the same.

    With `max_seconds`, a budget in QPU seconds that an IBM device needs, everything that trains there goes
    through a ledger in the run folder, so that nothing is posted twice. With `mitigate_readout` every job
    measures its readout errors, and they are inverted. Every trained quantum head runs again on Aer: exactly,
    and with `shots` samples for each of `contexts`.
    """

    name: Annotated[str, Field(min_length=1, max_length=100)] = "exact"
    shots: Annotated[int, Field(ge=1, le=10_000_000)] = 4096
    metric_shots: Annotated[int, Field(ge=2, le=10_000_000)] | None = None
    contexts: Annotated[int, Field(ge=1, le=256)] = 256
    max_seconds: Positive | None = None
    mitigate_readout: bool = False


class PluginsSection(_Section):
    """Modules that are imported before anything else is read, in every process (`registry.py`)."""

    modules: Annotated[tuple[str, ...], List] = ()


class Configuration(_Section):
    """Everything that decides a comparison's numbers."""

    plugins: PluginsSection = PluginsSection()
    task: TaskSection = TaskSection()
    arms: ArmsSection = ArmsSection()
    arm: Annotated[tuple[ArmSection, ...], List] = ()
    heads: HeadsSection = HeadsSection()
    training: TrainingSection = TrainingSection()
    tuning: TuningSection = TuningSection()
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


def load_configuration(path: Path) -> Configuration:
    """Read a TOML file; a relative `task.text` is looked for beside it.

    Raises:
        ConfigurationError: no such file, malformed TOML, an unknown key, a value out of range.
    """
    return parse_configuration(load_settings(path), str(path))


def load_settings(path: Path) -> dict[str, Any]:
    """The settings of a TOML file as they stand there, once they are seen to be a configuration.

    What follows from others (twins, the head that sizes are matched to) is not in them, so that they can be
    changed and parsed again.
    """
    settings = read_toml(path)
    settings.pop("environment", None)  # a run folder's own record of versions
    text = parse_configuration(settings, str(path)).task.text
    if text is not None and not Path(text).is_absolute():
        settings["task"] = settings["task"] | {"text": str(path.parent / text)}
    return settings


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a dictionary, or one sentence about what is wrong with it."""
    text = CONFIGURATION_FILES.read_text(path)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ConfigurationError(f"expected TOML in {path}: {reason}") from None


def parse_configuration(settings: dict[str, Any], origin: str = "the options") -> Configuration:
    """Validate settings; the first thing that is wrong is named.

    >>> parse_configuration({"training": {"seeds": 2}}).training.seeds
    2
    """
    try:
        import_plugins(PluginsSection.model_validate(settings.get("plugins", {})).modules)
        return Configuration.model_validate(settings)
    except ValidationError as error:
        raise ConfigurationError(_first_problem(error, origin)) from None


def _first_problem(error: ValidationError, origin: str) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown key {key!r} in {origin}; see README.md for the keys of a configuration"
    problem = first["msg"].removeprefix("Value error, ")
    given = "" if isinstance(first["input"], dict | BaseModel) else f", got {first['input']!r}"
    return f"{key or 'configuration'} in {origin}: {problem}{given}"


def dump_configuration(configuration: Configuration, environment: dict[str, str]) -> str:
    """The resolved configuration and the versions it ran with, as TOML."""
    settings = configuration.model_dump(mode="json", exclude_none=True)
    return tomli_w.dumps({**settings, "environment": environment})
