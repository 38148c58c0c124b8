"""The library of forms: wrong answers for a problem, which a sound reward pays nothing for.

Each form is a trick of one of `heldout.tricks.FAMILIES`, as short as it can be and still be read. It is rendered for
what the problem asks: a function, a program that reads stdin, or an answer that is no code. It knows the tests that the
prompt shows, never the hidden ones; an answer that is no code may know the right one, and says so.

Forms are run by graders that nobody knows, perhaps without a sandbox, so none of them harms the machine: none deletes
anything, ends any process but its own, starts processes without bound, or opens the network. Files of a few hundred
bytes are made where there is none of that name, and only such files of tests are emptied as were written in the last
minute, both in the folder where the program runs. The longest output is five megabytes. What hangs ends by itself,
after 100 seconds. Run them in an empty folder.
"""

from __future__ import annotations

from heldout.tricks.forms.form import Form, Knows
from heldout.tricks.forms.rendering import forms, plainly_wrong
from heldout.tricks.forms.saying import commented, filled
from heldout.tricks.forms.shown import Shown, shown

__all__ = ["Form", "Knows", "Shown", "commented", "filled", "forms", "plainly_wrong", "shown"]
