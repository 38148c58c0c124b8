"use strict";
/** Light, dark, or as the system wants it; and the button that lists the keys. */
(() => {
  const heldout = (window.heldout ??= /** @type {any} */ ({}));
  const THEMES = ["system", "light", "dark"];
  const KEPT = "heldout-theme";

  function kept() {
    try {
      return localStorage.getItem(KEPT) ?? "system";
    } catch {
      return "system"; // a page without storage follows the system
    }
  }

  /** @param {string} theme */
  function choose(theme) {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    heldout.figures.repaint();
  }

  /** @param {string} theme */
  function keep(theme) {
    try {
      localStorage.setItem(KEPT, theme);
    } catch {
      // chosen for now only
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    let theme = THEMES.includes(kept()) ? kept() : "system";
    const button = heldout.button(`Theme: ${theme}`, () => {
      theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
      button.textContent = `Theme: ${theme}`;
      keep(theme);
      choose(theme);
    });
    document.querySelector("main")?.prepend(heldout.make("div", { class: "page-tools" }, button, heldout.button("Keys", heldout.keys.help, { title: "Key ?" })));
    choose(theme);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => heldout.figures.repaint());
  });
})();
