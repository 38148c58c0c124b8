"use strict";
/** What stands around a plot: legend, table, export, link, and the lane of findings. */
(() => {
  const heldout = (window.heldout ??= /** @type {any} */ ({}));
  const { make, button, series, marks, state } = heldout;
  const ROWS = 500; // of a table that is shown; the CSV has all

  /** The series' name without how it was smoothed. @param {Series} one */
  const nameOf = (one) => one.label.replace(/, local-linear over .*$/, "");

  /** A piece of the line and its marker. @param {Series} one */
  function swatch(one) {
    const line = one.layers.find((layer) => layer.kind === "line" && !layer.raw), area = one.layers.find((layer) => layer.kind === "span");
    const mark = make("span", { class: `swatch ${line?.dash ?? (area ? "area" : "solid")}`, "aria-hidden": "true" }, marks.GLYPHS[line?.marker ?? one.curve?.marker] ?? "");
    mark.style.setProperty("--own", `var(--chart-${one.key})`);
    return mark;
  }

  /** The row above a plot. @param {any} figure */
  function bar(figure) {
    figure.legend = make("div", { class: "legend", role: "group", "aria-label": "What is shown" });
    figure.wholeRun = button("Whole run", () => figure.zoom(null), { title: "Key 0" });
    figure.sheet = make("div", { class: "sheet", hidden: "" });
    const table = button("Table", () => showTable(figure, table), { "aria-expanded": "false" });
    const link = button("Copy link", () => heldout.copy(state.link(), link));
    const tools = make("div", { class: "tools" }, figure.wholeRun, table, exporting(figure), link);
    figure.element.insertBefore(figure.sheet, figure.element.querySelector("figcaption"));
    return make("div", { class: "bar" }, figure.legend, tools);
  }

  /** @param {any} figure */
  function exporting(figure) {
    const name = `${document.title.split(" · ")[0]}-${figure.id}`.replace(/[^\w.-]+/g, "-");
    const csv = button("CSV of what is drawn", () => heldout.download(`${name}.csv`, new Blob([asCsv(figure)], { type: "text/csv" })));
    const png = button("PNG of this view", () => picture(figure, (content) => heldout.download(`${name}.png`, content)));
    const entries = [png, csv];
    if (figure.command) {
      const command = button("Copy the command", () => heldout.copy(commandOf(figure), command), { title: figure.command });
      entries.push(command);
    }
    for (const link of figure.element.querySelectorAll("figcaption a")) entries.push(make("a", { href: link.getAttribute("href") }, `${link.textContent} of the whole run`));
    return make("details", { class: "menu" }, make("summary", {}, "Export"), make("div", {}, ...entries));
  }

  /** The command that draws what is seen. @param {any} figure */
  function commandOf(figure) {
    const view = figure.view.map((/** @type {number} */ step) => Number(step.toPrecision(6)));
    return figure.zoomed ? `${figure.command} --xlim ${view.join(":")}` : figure.command;
  }

  /** @param {any} figure */
  function legend(figure) {
    const entries = figure.series.filter((/** @type {Series} */ one) => one.label);
    const names = JSON.stringify(entries.map((/** @type {Series} */ one) => [one.key, one.label]));
    if (figure.legend.dataset.names === names) return; // who is about to press one keeps it
    figure.legend.dataset.names = names;
    figure.entries = entries.map((/** @type {Series} */ one) => {
      const entry = make("button", { type: "button", class: "entry-of-legend", title: "Hide or show; with Alt only this one", click: (/** @type {MouseEvent} */ event) => choose(figure, one.key, event.altKey) }, swatch(one), one.label);
      entry.dataset.key = one.key;
      return entry;
    });
    figure.legend.replaceChildren(...figure.entries);
  }

  /** @param {any} figure @param {string} key @param {boolean} only */
  function choose(figure, key, only) {
    if (!only) return heldout.figures.toggle("hide", `${figure.id}:${key}`);
    const keys = figure.series.map((/** @type {Series} */ one) => one.key), others = keys.filter((/** @type {string} */ one) => one !== key);
    const alone = others.every((/** @type {string} */ one) => figure.hidden.has(one)) && !figure.hidden.has(key);
    const kept = state.get("hide").split(",").filter((/** @type {string} */ name) => name && !name.startsWith(`${figure.id}:`));
    state.set({ hide: [...kept, ...(alone ? [] : others.map((/** @type {string} */ one) => `${figure.id}:${one}`))].join() });
  }

  /** What follows the state: which entries are pressed, and the table. @param {any} figure */
  function refresh(figure) {
    const hidden = figure.hidden;
    for (const entry of figure.entries) entry.setAttribute("aria-pressed", String(!hidden.has(entry.dataset.key)));
    figure.wholeRun.disabled = !figure.zoomed;
    if (!figure.sheet.hidden) fillTable(figure);
  }

  /** @param {any} figure @param {HTMLElement} at */
  function showTable(figure, at) {
    figure.sheet.hidden = !figure.sheet.hidden;
    at.setAttribute("aria-expanded", String(!figure.sheet.hidden));
    if (!figure.sheet.hidden) fillTable(figure);
  }

  /** @param {any} figure */
  function fillTable(figure) {
    const view = figure.view.join();
    if (figure.sheet.dataset.view === view && figure.tabled === figure.chart) return;
    figure.sheet.dataset.view = view;
    figure.tabled = figure.chart;
    const { head, rows } = series.table(figure.chart, figure.view);
    const cell = (/** @type {number | null} */ value) => make("td", {}, value === null ? "" : String(value));
    const body = make("tbody", {}, ...rows.slice(0, ROWS).map((/** @type {any[]} */ row) => make("tr", {}, ...row.map(cell))));
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...head.map((/** @type {string} */ name) => make("th", { scope: "col" }, name)))), body);
    const more = rows.length > ROWS ? [make("p", { class: "note" }, `The first ${ROWS} of ${rows.length} rows; zoom in for others, or take the CSV.`)] : [];
    figure.sheet.replaceChildren(make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Table: ${figure.chart.title}` }, table), ...more);
  }

  /** @param {any} figure */
  function asCsv(figure) {
    const { head, rows } = series.table(figure.chart, figure.view);
    const quoted = (/** @type {any} */ cell) => (cell === null ? "" : typeof cell === "number" ? String(cell) : `"${safe(cell).replaceAll('"', '""')}"`);
    return [head, ...rows].map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";
  }

  /** A spreadsheet would compute a name that begins like a formula. @param {string} name */
  const safe = (name) => (/^[=+\-@\t\r]/.test(name) ? `'${name}` : name);

  /** The plot as an image, on the ground of the page. @param {any} figure @param {(content: Blob) => void} done */
  function picture(figure, done) {
    const drawn = figure.plot.ctx.canvas, image = document.createElement("canvas");
    image.width = drawn.width;
    image.height = drawn.height;
    const context = image.getContext("2d");
    if (!context) return;
    context.fillStyle = marks.ink("ground");
    context.fillRect(0, 0, image.width, image.height);
    context.drawImage(drawn, 0, 0);
    image.toBlob((content) => content && done(content));
  }

  /** Findings below the plot, each over its steps. @param {any} figure */
  function lane(figure) {
    figure.findings = figure.lane.map((/** @type {any} */ found) => {
      const words = make("span", {}, found.title.split(":")[0]);
      const mark = make("a", { class: `finding ${found.severity}`, href: `#${found.anchor}`, title: found.title, "aria-label": found.title, click: () => figure.zoom(...widened(found)) }, words);
      return Object.assign(mark, { found });
    });
    return figure.findings.length ? make("nav", { class: "lane", "aria-label": "Findings" }, ...figure.findings) : "";
  }

  /** The steps of a finding, and a quarter of them on either side. @param {{low: number, high: number}} found */
  function widened({ low, high }) {
    const room = Math.max(0.25 * (high - low), 5);
    return [low - room, high + room];
  }

  /** Put every finding below its steps, in as few rows as keep them apart. @param {any} figure */
  function placeLane(figure) {
    if (!figure.findings.length || !figure.plot) return;
    const [low, high] = figure.view, { left, width } = figure.plot.over.getBoundingClientRect();
    const start = left - figure.place.getBoundingClientRect().left;
    /** @type {number[]} */
    const ends = [];
    for (const mark of figure.findings) {
      const { found } = mark, out = found.high < low || found.low > high;
      mark.hidden = out;
      if (out) continue;
      const from = ((Math.max(found.low, low) - low) / (high - low)) * width, to = ((Math.min(found.high, high) - low) / (high - low)) * width;
      const long = Math.max(to - from, mark.firstChild.offsetWidth + 12), place = Math.max(Math.min(from, width - long), 0);
      const free = ends.findIndex((end) => end < place);
      const row = free < 0 ? ends.length : free;
      ends[row] = place + long + 4;
      mark.style.setProperty("--from", `${from - place}px`);
      mark.style.setProperty("--to", `${Math.max(to, from + 3) - place}px`);
      mark.style.left = `${start + place}px`;
      mark.style.width = `${long}px`;
      mark.style.top = `${row * 24}px`;
    }
    figure.laneElement.style.height = `${Math.max(ends.length, 1) * 24 + 2}px`;
  }

  /** A step on an axis: 250000 as 250k. @param {number} step */
  function shortStep(step) {
    const size = Math.abs(step);
    if (size >= 1e6) return `${Number((step / 1e6).toPrecision(6))}M`;
    return size >= 1e5 ? `${Number((step / 1e3).toPrecision(6))}k` : series.writtenStep(step);
  }

  heldout.tools = { bar, lane, legend, refresh, swatch, nameOf, shortStep, placeLane, hint: "Point at the plot, or press ← and →, to read values; drag to zoom." };
})();
