"""Several logs of which a person says that they are of one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from heldout.readers.folders.companions import Place, beside, has_reward, is_of_training, new_names, why_not
from heldout.readers.folders.found import Named
from heldout.readers.folders.outcomes import with_measured
from heldout.readers.folders.places import is_held_out_file, is_held_out_folder
from heldout.readers.formats import Kind, format_of
from heldout.readers.log import Log
from heldout.readers.restarts import is_clock, joined
from heldout.run import Note, NoteKind


def one_run(parts: Sequence[Named]) -> Named:
    """Join logs: one that goes on after another behind it, held-out scores by step, outcomes at their steps.

    The one with the reward, else with a metric of the training, is what the others are added to.
    """
    outcomes = [part for part in parts if format_of(part.log).kind is Kind.OUTCOMES]
    logs = [part for part in parts if format_of(part.log).kind is not Kind.OUTCOMES]
    if not logs:
        first, *more = outcomes
        return _named(first, with_measured(first.log, [replace(one.log, maybe_training=False) for one in more]), parts)
    main = next((one for ask in (has_reward, is_of_training) for one in logs if ask(one.log)), logs[0])
    later = [one for one in logs if one is main or _goes_on(main.log, one.log)]
    log = main.log
    if len(later) > 1:
        log = joined([one.log for one in sorted(later, key=lambda one: one.log.step.min())])
        text = f"{', '.join(one.files[0].name for one in later)} were read as one log, in order of their steps."
        log = replace(log, notes=(*log.notes, Note(NoteKind.ASSUMED, text, len(later))))
    for one in logs:
        if one not in later:
            log = _added(log, one)
    log = with_measured(log, [replace(one.log, maybe_training=False) for one in outcomes]) if outcomes else log
    return _named(main, log, parts)


def _named(main: Named, log: Log, parts: Sequence[Named]) -> Named:
    checkpoints = {step: where for part in parts for step, where in part.log.checkpoints.items()}
    return Named(main.name, replace(log, checkpoints=checkpoints), tuple(file for part in parts for file in part.files))


def _goes_on(log: Log, other: Log) -> bool:
    """Whether another log is of the same metrics, and begins at another step."""
    mine, others = ({key for key in one.columns if not is_clock(key)} for one in (log, other))
    if len(mine & others) * 2 < max(len(others), 1) or not len(log.step) or not len(other.step):
        return False
    return bool(other.step.min() != log.step.min())


def _added(log: Log, other: Named) -> Log:
    place = Place(other.files[0].name, _is_held_out(other.files[0]) or not is_of_training(other.log))
    names = new_names(log, other.log, place)
    if not any(not is_clock(name) for name in names):
        text = f"{place.called} holds nothing that the run does not have already; it was left out."
        return replace(log, notes=(*log.notes, Note(NoteKind.IGNORED, text)))
    why = why_not(log, other.log, place)
    whole = beside(log, other.log, place, sure=True)
    if not why:
        return whole
    text = f"{place.called} was joined as asked, although {why}."
    return replace(whole, notes=(*whole.notes, Note(NoteKind.ASSUMED, text)))


def _is_held_out(path: Path) -> bool:
    return is_held_out_file(path.stem) or is_held_out_folder(path.parent.name)
