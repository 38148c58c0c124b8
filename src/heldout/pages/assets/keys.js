"use strict";
/** Everything by keyboard, by wheel and by touch; `?` lists the keys. */
(() => {
  const heldout = (window.heldout ??= /** @type {any} */ ({}));
  const { make, button, figures, state } = heldout;

  /** @type {[string, string][]} pages add their own */
  const keys = [
    ["← →", "in a figure: the evaluation before, after; with Shift ten at once"],
    ["Home End", "in a figure: first and last evaluation"],
    ["+ −", "in a figure: closer, farther"],
    ["0", "whole run"],
    ["n p", "next, previous finding"],
    ["Esc", "let go of the step"],
    ["?", "these keys"],
  ];

  const typing = (/** @type {any} */ element) => element?.closest?.("input, textarea, select, [contenteditable]");
  const current = () => figures.all().find((/** @type {any} */ figure) => figure.element.contains(document.activeElement)) ?? figures.all()[0];

  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const action = anywhere[event.key] ?? (withinPlot(event.target) ? inPlot[event.key] : undefined);
    if (!action || (event.key !== "?" && !figures.all().length) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    action(event);
  });

  const withinPlot = (/** @type {any} */ element) => element?.closest?.(".plot");

  /** @type {Record<string, (event: KeyboardEvent) => void>} */
  const inPlot = {
    ArrowLeft: (event) => walk(event.shiftKey ? -10 : -1),
    ArrowRight: (event) => walk(event.shiftKey ? 10 : 1),
    Home: () => walk(-Infinity),
    End: () => walk(Infinity),
    "+": () => closer(0.5),
    "=": () => closer(0.5),
    "-": () => closer(2),
  };

  /** @type {Record<string, (event: KeyboardEvent) => void>} */
  const anywhere = {
    0: () => figures.zoom(null),
    n: () => find(1),
    p: () => find(-1),
    Escape: () => figures.pin(null),
    "?": () => help(),
  };

  /** Go to an evaluation so many places on; one that is out of view is brought into it. @param {number} places */
  function walk(places) {
    const figure = current(), steps = figure.evaluated;
    if (!steps.length) return;
    const from = figure.step === null ? (places > 0 ? -1 : steps.length) : heldout.series.nearest(steps, figure.step);
    const to = steps[Math.min(Math.max(from + places, 0), steps.length - 1)];
    figures.hover(null);
    figures.pin(to);
    const [low, high] = figure.view;
    if (to < low || to > high) figure.zoom(to - (high - low) / 2, to + (high - low) / 2);
  }

  /** Zoom about the step in hand, or the middle. @param {number} factor */
  function closer(factor, figure = current(), about = /** @type {number | null} */ (figure.step)) {
    const [low, high] = figure.view, centre = about !== null && about >= low && about <= high ? about : (low + high) / 2;
    figure.zoom(centre - (centre - low) * factor, centre + (high - centre) * factor);
  }

  let found = -1;
  /** Go to the next finding: its steps in the figures, its words on the page. @param {number} way */
  function find(way) {
    const all = figures.all().flatMap((/** @type {any} */ figure) => figure.findings);
    if (!all.length) return;
    found = (found + way + all.length + (found < 0 && way < 0 ? 1 : 0)) % all.length;
    all[found].click();
    heldout.announce(all[found].title);
  }

  /** @type {HTMLDialogElement | undefined} */
  let dialog;
  function help() {
    if (!dialog) {
      const rows = keys.map(([key, meaning]) => make("tr", {}, make("th", { scope: "row" }, ...key.split(" ").map((one) => make("kbd", {}, one))), make("td", {}, meaning)));
      const done = button("Close", () => dialog?.close());
      dialog = make("dialog", { class: "keys", "aria-label": "Keys" }, make("h2", {}, "Keys"), make("table", {}, make("tbody", {}, ...rows)), done);
      document.body.append(/** @type {Node} */ (dialog));
    }
    dialog?.showModal();
  }

  /** Pointer, wheel and fingers upon a plot. @param {any} figure @param {any} plot */
  heldout.touch = (figure, plot) => {
    const over = /** @type {HTMLElement} */ (plot.over);
    const left = (/** @type {MouseEvent} */ event) => event.clientX - over.getBoundingClientRect().left;
    /** @type {Map<number, number>} */
    const fingers = new Map();
    let start = { low: 0, high: 0, apart: 1, middle: 0 };

    function pinch() {
      const [a, b] = [...fingers.values()], width = over.clientWidth, apart = Math.max(Math.abs(a - b), 10);
      const steps = (start.high - start.low) * (start.apart / apart), middle = (a + b) / 2;
      const low = start.middle - (middle / width) * steps;
      figure.zoom(low, low + steps);
    }

    over.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "touch") return;
      fingers.set(event.pointerId, left(event));
      if (fingers.size !== 2) return;
      const [a, b] = [...fingers.values()], [low, high] = figure.view;
      start = { low, high, apart: Math.max(Math.abs(a - b), 10), middle: plot.posToVal((a + b) / 2, "x") };
    });
    over.addEventListener("pointermove", (event) => {
      if (fingers.has(event.pointerId)) fingers.set(event.pointerId, left(event));
      if (fingers.size === 2) pinch();
      else figures.hover(figure.stepAt(left(event)));
    });
    for (const end of ["pointerup", "pointercancel", "pointerleave"])
      over.addEventListener(end, (event) => {
        fingers.delete(/** @type {PointerEvent} */ (event).pointerId);
        if (end !== "pointerup") figures.hover(null);
      });
    let pressed = 0;
    over.addEventListener("mousedown", (event) => (pressed = event.clientX));
    over.addEventListener("click", (event) => Math.abs(event.clientX - pressed) < 4 && figures.pin(figure.stepAt(left(event))));
    over.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      closer(event.deltaY > 0 ? 1.25 : 0.8, figure, plot.posToVal(left(event), "x"));
    }, { passive: false });
  };

  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(/** @type {Node} */ (event.target))) menu.removeAttribute("open");
  });

  heldout.keys = { list: keys, anywhere, help, state };
})();
