"use strict";
/** The map of problems × evaluations: hover, click or walk with the arrows, and read what became of a problem. */
(() => {
  const heldout = (window.heldout ??= /** @type {any} */ ({}));
  const { state, figures, keys } = heldout;
  const MISSING = "-", SOLVED = 5; // tenths of its samples that pass, from which on a problem counts as solved

  const map = /** @type {HTMLElement | null} */ (document.querySelector(".map"));
  if (!map) return;
  const { steps, strips } = JSON.parse(map.querySelector("script")?.textContent ?? "{}");
  const drawings = /** @type {SVGSVGElement[]} */ ([...map.querySelectorAll("svg.strip")]);
  const readout = /** @type {HTMLElement} */ (map.querySelector(".readout"));
  const unread = readout.textContent;
  const cursors = drawings.map((drawing) => {
    const cursor = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    cursor.setAttribute("class", "cursor");
    cursor.setAttribute("width", "0");
    drawing.append(cursor);
    return cursor;
  });

  /** @param {string} cell */
  const fate = (cell) => (cell === MISSING ? "not asked" : parseInt(cell, 16) >= 10 ? "solved" : parseInt(cell, 16) >= SOLVED ? "mostly solved" : cell === "0" ? "failed" : "mostly failed");

  /** What became of a problem, evaluation after evaluation. @param {string} cells */
  function history(cells) {
    const told = [];
    for (let from = 0, to = 0; from < cells.length; from = to) {
      while (to < cells.length && fate(cells[to]) === fate(cells[from])) to++;
      told.push(`${fate(cells[from])} ${to - from > 1 ? `${steps[from]} to ${steps[to - 1]}` : steps[from]}`);
    }
    return told.length > 12 ? `${told.slice(0, 6).join(", ")}, …, ${told.slice(-5).join(", ")}` : told.join(", ");
  }

  let at = { strip: 0, row: 0, column: 0 };
  /** @param {{strip: number, row: number, column: number}} place */
  function show(place) {
    at = place;
    cursors.forEach((cursor, strip) => {
      const here = strip === at.strip;
      const box = here ? { x: 0, y: at.row, width: steps.length, height: 1 } : { x: 0, y: 0, width: 0, height: 0 };
      for (const [name, value] of Object.entries(box)) cursor.setAttribute(name, String(value));
    });
    const { names, cells } = strips[at.strip], own = cells[at.row];
    readout.textContent = `${names[at.row]}: ${fate(own[at.column])} at step ${steps[at.column]}. All: ${history(own)}.`;
  }

  function hide() {
    const pinned = state.get("problem");
    if (pinned) return restore();
    for (const cursor of cursors) cursor.setAttribute("width", "0");
    readout.textContent = unread;
  }

  /** @param {number} strip @param {MouseEvent} event */
  function under(strip, event) {
    const { left, top, width, height } = drawings[strip].getBoundingClientRect();
    const place = (/** @type {number} */ share, /** @type {number} */ count) => Math.min(Math.max(Math.floor(share * count), 0), count - 1);
    return { strip, row: place((event.clientY - top) / height, strips[strip].names.length), column: place((event.clientX - left) / width, steps.length) };
  }

  /** Keep a problem in sight, and its step in the figures. */
  function pin() {
    state.set({ problem: strips[at.strip].names[at.row] });
    figures?.pin(steps[at.column]);
  }

  function restore() {
    const name = state.get("problem");
    for (let strip = 0; name && strip < strips.length; strip++) {
      const row = strips[strip].names.indexOf(name);
      if (row >= 0) return show({ strip, row, column: at.column });
    }
  }

  /** @param {number} rows @param {number} columns */
  function walk(rows, columns) {
    let { strip, row, column } = at;
    row += rows;
    while (row < 0 && strip > 0) row += strips[--strip].names.length;
    while (row >= strips[strip].names.length && strip < strips.length - 1) row -= strips[strip++].names.length;
    row = Math.min(Math.max(row, 0), strips[strip].names.length - 1);
    show({ strip, row, column: Math.min(Math.max(column + columns, 0), steps.length - 1) });
    if (document.activeElement !== drawings[strip]) drawings[strip].focus();
  }

  /** @type {Record<string, () => void>} */
  const moves = {
    ArrowUp: () => walk(-1, 0),
    ArrowDown: () => walk(1, 0),
    ArrowLeft: () => walk(0, -1),
    ArrowRight: () => walk(0, 1),
    PageUp: () => walk(-10, 0),
    PageDown: () => walk(10, 0),
    Home: () => walk(0, -Infinity),
    End: () => walk(0, Infinity),
    Enter: pin,
    Escape: () => {
      state.set({ problem: "" });
      hide();
    },
  };

  let rested = "";
  /** Whether the pointer moved, and not the page below it. @param {MouseEvent} event */
  function moved(event) {
    const before = rested;
    rested = `${event.clientX} ${event.clientY}`;
    return rested !== before;
  }

  drawings.forEach((drawing, strip) => {
    drawing.setAttribute("tabindex", "0");
    drawing.addEventListener("focus", () => at.strip === strip || show({ strip, row: 0, column: at.column }));
    drawing.addEventListener("pointermove", (event) => moved(event) && show(under(strip, event)));
    drawing.addEventListener("pointerleave", hide);
    drawing.addEventListener("click", (event) => {
      show(under(strip, event));
      pin();
    });
    drawing.addEventListener("keydown", (event) => {
      const move = event.ctrlKey || event.metaKey || event.altKey ? undefined : moves[event.key];
      if (!move) return;
      event.preventDefault();
      event.stopPropagation();
      move();
    });
  });
  document.addEventListener("heldout:state", restore);
  restore();
  keys?.list.push(["↑ ↓", "in the map of problems: problem above, below; PageUp and PageDown ten; Enter keeps it, Esc lets go"]);
})();
