"use strict";
/** Elements of a page. Text is only ever text: nothing in a name becomes an element. */
(() => {
  const heldout = (window.heldout ??= /** @type {any} */ ({}));

  /** A page without figures has none; figure.js brings them. */
  heldout.figures = { all: () => [], get: () => undefined, repaint: () => undefined };

  /** @param {string} tag @param {Record<string, any>} properties attributes; functions are listeners @param {(Node | string)[]} children */
  heldout.make = (tag, properties = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (typeof value === "function") element.addEventListener(name, value);
      else if (value !== null && value !== undefined) element.setAttribute(name, String(value));
    }
    element.append(...children);
    return element;
  };

  /** @param {string} text @param {() => void} click @param {Record<string, any>} properties */
  heldout.button = (text, click, properties = {}) => heldout.make("button", { type: "button", click, ...properties }, text);

  /** Hand a file to the reader. @param {string} name @param {Blob} content */
  heldout.download = (name, content) => {
    const link = heldout.make("a", { href: URL.createObjectURL(content), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };

  /** Copy text, and say at the button whether that was allowed. @param {string} text @param {HTMLElement} at */
  heldout.copy = async (text, at) => {
    const before = at.textContent;
    const copied = await written(text);
    at.textContent = copied ? "Copied" : "Not copied";
    heldout.announce(copied ? "Copied." : "The browser does not allow copying here.");
    setTimeout(() => (at.textContent = before), 1500);
  };

  /** @param {string} text */
  async function written(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return copiedBySelection(text);
    }
  }

  /** For pages without the right to the clipboard, such as files. @param {string} text */
  function copiedBySelection(text) {
    const area = heldout.make("textarea", { class: "unseen", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }

  /** @type {HTMLElement | undefined} */
  let region;
  /** Say something to a screen reader. @param {string} text */
  heldout.announce = (text) => {
    if (!region) document.body.append((region = heldout.make("p", { class: "unseen", role: "status", "aria-live": "polite" })));
    if (region) region.textContent = text;
  };
})();
