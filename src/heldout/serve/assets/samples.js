"use strict";
/** The answers of a run by keyboard: j and k go to the next and the previous one, and over the edge of a page. */
(() => {
  const { keys } = window.heldout;
  const listed = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("section.answer")]);

  /** @param {number} way */
  function go(way) {
    const here = listed.findIndex((one) => one.contains(document.activeElement));
    const there = here < 0 && way < 0 ? undefined : listed[here + way];
    if (there) {
      there.querySelector("a")?.focus();
      there.scrollIntoView({ block: "nearest" });
    } else /** @type {HTMLElement | null} */ (document.querySelector(`a[rel=${way > 0 ? "next" : "prev"}]`))?.click();
  }

  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLElement && event.target.matches("input, textarea, select");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "j") go(1);
    if (event.key === "k") go(-1);
  });
  keys.list.splice(0, keys.list.length - 1, ["j k", "next, previous answer"], ...(listed.length ? [["Enter", "open it"]] : []));
})();
