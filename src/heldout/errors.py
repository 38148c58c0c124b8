"""Every error that heldout raises on purpose.

* HeldoutError: the base; catch this one to catch them all
  * ReadError (also ValueError): a log that cannot be turned into a run
    * NotUnderstood: no reader knows the content
    * NoMetrics: the format is known, but nothing numeric is in it
      * NoRun: what is in it is known, and is not the log of a run
    * SeveralRuns: one was asked for, several are there
  * UnknownMetric (also KeyError): a metric was asked for that the run does not have
  * ChartError (also ValueError): a chart that cannot be drawn as asked
  * RecordError (also ValueError): a directory in which no run can be recorded
  * TaskError (also ValueError): a set of problems that cannot be read or used
    * ContaminatedTask: held-out problems occur among the training prompts
  * UsageError (also ValueError): an argument or option outside what is allowed
  * MissingExtra (also ImportError): a library that is optional, needed here, and not installed
  * SandboxError (also RuntimeError): programs cannot be judged here
    * MissingSandbox: what the sandbox is made of is not installed
  * ServerError (also RuntimeError): a server of models refuses a request, or gives no answer
  * ClusterError (also RuntimeError): a cluster of Ray cannot be reached, or its nodes are not fit for the work

Each message is one plain sentence: what was seen, what is allowed, what to do. The command line prints it and exits
with code 2::

    try:
        run = heldout.read("runs/today")
    except heldout.ReadError as error:
        print(error)
"""

from __future__ import annotations


class HeldoutError(Exception):
    """Base of all errors that heldout raises on purpose."""


class ReadError(HeldoutError, ValueError):
    """A log could not be turned into a run."""


class NotUnderstood(ReadError):
    """No reader recognised the content of a file or directory."""


class NoMetrics(ReadError):
    """The format was recognised, but no metric over steps is in it."""


class NoRun(NoMetrics):
    """What a file holds was recognised, and is not the log of a run: sampled answers, a table of finished runs."""


class SeveralRuns(ReadError):
    """One run was asked for, and the log holds several; the message names them."""


class UnknownMetric(HeldoutError, KeyError):
    """A metric was asked for that the run does not have; the message names near ones."""

    def __str__(self) -> str:  # KeyError would print the repr of the sentence
        return str(self.args[0]) if self.args else ""


class ChartError(HeldoutError, ValueError):
    """A chart cannot be drawn as asked."""


class RecordError(HeldoutError, ValueError):
    """A run cannot be recorded where it was asked for."""


class TaskError(HeldoutError, ValueError):
    """A set of problems cannot be read or used; the message names the file and the line."""


class ContaminatedTask(TaskError):
    """Held-out problems occur among the training prompts; the message names them."""


class UsageError(HeldoutError, ValueError):
    """An argument or option is outside what is allowed."""


class SandboxError(HeldoutError, RuntimeError):
    """Programs cannot be judged here: the sandbox does not start, or a limit does not hold on this machine."""


class MissingSandbox(SandboxError):
    """What the sandbox is made of is not installed; the message has the command."""


class ServerError(HeldoutError, RuntimeError):
    """A server of models refused a request, or gave no answer however often it was asked."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status  # of HTTP; 0 where there was no answer


class ClusterError(HeldoutError, RuntimeError):
    """A cluster of Ray cannot be reached, or its nodes are not fit for the work; the message says what is missing."""


class MissingExtra(HeldoutError, ImportError):
    """An optional library is needed here and not installed; the message has the command that installs it."""


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra of heldout's, which is got from its repository.

    >>> how_to_install("train")
    "in the checkout of heldout, run: pip install '.[train]'"
    """
    return f"in the checkout of heldout, run: pip install '.[{extra}]'"
