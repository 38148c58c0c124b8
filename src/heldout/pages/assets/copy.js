"use strict";
/** A button beside every command and path, which copies it. */
(() => {
  const heldout = (window.heldout ??= /** @type {any} */ ({}));
  for (const code of document.querySelectorAll("code.command, code.path")) {
    const text = (code.textContent ?? "").trim();
    const button = heldout.button("Copy", () => heldout.copy(text, button), { class: "copy", "aria-label": `Copy ${text}` });
    if (code.matches(".command")) code.prepend(button);
    else code.after(button);
  }
})();
