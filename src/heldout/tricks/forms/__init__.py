"""The library of forms: wrong answers for a problem, which a sound reward pays nothing for.

Each form is a trick of one of `heldout.tricks.FAMILIES`, as short as it can be and still be read. It is rendered for
what the problem asks: a function, a program that reads stdin, or an answer that is no code. It knows the tests that the
prompt shows, never the hidden ones; an answer that is no code may know the right one, and says so.

Forms are run by graders that nobody knows, perhaps without a sandbox, so none of them harms the machine: none deletes
anything, ends any process but its own, starts processes without bound, opens the network, or writes more than a few
kilobytes. Files are made only where there is none of that name. What hangs ends by itself. Run them in an empty folder.
"""

from __future__ import annotations

from heldout.tricks.forms.form import Form, Knows
from heldout.tricks.forms.rendering import forms
from heldout.tricks.forms.shown import Shown, shown

__all__ = ["Form", "Knows", "Shown", "forms", "shown"]
