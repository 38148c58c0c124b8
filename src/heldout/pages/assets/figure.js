"use strict";
/**
 * Figures that one can read from: one cursor and one zoom for the page, a readout in a fixed place.
 *
 * `heldout.figures.get("reward-and-held-out")` has `update(chart)`, `zoom(low, high)` and `source`, which a server sets:
 * `async (low, high, pixels) => chart` brings a window of steps. `document` hears `heldout:zoom` and `heldout:step`.
 */
(() => {
  const heldout = (window.heldout ??= /** @type {any} */ ({}));
  const { make, state, series, marks } = heldout;
  const { WHOLE, spacing, asNumber, asRange, extremes, evenly, shapeOf } = heldout.scales;
  const REST = 300; // ms until a readout is spoken

  /** @type {Map<string, Figure>} */
  const all = new Map();
  /** @type {number | null} the step under the pointer */
  let hovered = null;

  class Figure {
    /** @param {HTMLElement} element @param {{chart: Chart, command: string, lane: any[]}} content */
    constructor(element, content) {
      this.element = element;
      this.id = element.id.replace(/^figure-/, "");
      this.chart = this.all = content.chart;
      this.command = content.command;
      this.lane = content.lane ?? [];
      /** @type {((low: number, high: number, pixels: number) => Promise<Chart>) | null} */
      this.source = null;
      /** @type {[number, number] | null} the zoom of a figure that does not share the page's */
      this.own = null;
      /** @type {any} */
      this.plot = null;
      /** @type {number | null} */
      this.step = null;
      /** @type {Series[]} */
      this.series = [];
      /** @type {Layer[]} */
      this.lines = [];
      /** @type {number[]} */
      this.logged = [];
      /** @type {number[]} */
      this.evaluated = [];
      /** @type {Set<string>} colours of lines that can be left out for the values behind them */
      this.smooth = new Set();
      this.asked = 0;

      this.drawn = "";
      this.build();
    }

    build() {
      this.readout = make("p", { class: "readout" });
      this.place = make("div", { class: "plot", tabindex: 0, role: "group", "aria-roledescription": "chart", "aria-label": `${this.chart.title}. ${this.chart.caption} Arrow keys walk the evaluations; the question mark lists all keys.` });
      this.outside = make("span");
      this.frame = heldout.button("", () => toggle("y", this.id), { class: "plain" });
      this.plain = heldout.button("", () => toggle("raw", this.id), { class: "plain" });
      this.note = make("p", { class: "note" }, this.outside, this.frame, this.plain);
      this.laneElement = heldout.tools.lane(this);
      this.live = make("div", { class: "live" }, heldout.tools.bar(this), this.readout, this.place, this.laneElement, this.note);
      this.element.insertBefore(this.live, this.element.firstChild);
      this.element.classList.add("enhanced");
      this.read();
      this.plot = this.drawPlot();
      new ResizeObserver(() => this.resize()).observe(this.place);
      this.refresh();
    }

    /** What the data holds, worked out once. */
    read() {
      this.series = series.seriesOf(this.chart);
      this.logged = series.loggedSteps(this.all);
      this.evaluated = series.evaluatedSteps(this.all);
      this.lines = this.chart.layers.filter((layer) => layer.kind === "line");
      const values = new Set(this.lines.filter((line) => line.raw).map((line) => line.colour));
      this.smooth = new Set(this.lines.filter((line) => values.has(line.colour) && / local-linear over /.test(line.label)).map((line) => line.colour));
      this.whole = this.logged.every((step) => Number.isInteger(step));
      const curves = this.series.filter((one) => one.curve).length;
      this.readout.style.setProperty("--lines", String(curves > 2 ? 2 : 1));
      this.readout.style.setProperty("--narrow-lines", String(curves + 1));
      heldout.tools.legend(this);
    }

    get last() {
      return this.logged[this.logged.length - 1] ?? -Infinity;
    }

    /** Whether the page's zoom is this figure's: only figures over the same steps share it. */
    get linked() {
      return !all.size || this.chart.x.label === [...all.values()][0].chart.x.label;
    }

    /** First and last step that are in view. @returns {[number, number]} */
    get view() {
      const [low, high] = this.all.x.limits;
      const zoom = this.linked ? asRange(state.get("x")) : this.own;
      return zoom && zoom[0] < high && zoom[1] > low ? zoom : [low, high];
    }

    get zoomed() {
      return this.view.join() !== this.all.x.limits.join();
    }

    get hidden() {
      const names = state.get("hide").split(",").filter((/** @type {string} */ name) => name.startsWith(`${this.id}:`));
      return new Set(names.map((/** @type {string} */ name) => name.slice(this.id.length + 1)));
    }

    /** Whether the frame holds every value, however far out. */
    get everything() {
      return state.get("y").split(",").includes(this.id);
    }

    /** Whether the values stand alone, without the line through them. */
    get unsmoothed() {
      return state.get("raw").split(",").includes(this.id);
    }

    /** Whether a layer is drawn of a smoothed line, and not asked for. @param {Layer} layer */
    isLeftOut(layer) {
      return this.hidden.has(layer.colour) || (this.unsmoothed && !layer.raw && this.smooth.has(layer.colour));
    }

    /** @param {Layer} line */
    opacity(line) {
      return line.raw && this.unsmoothed ? 1 : line.alpha ?? 1;
    }

    /** @param {string} side */
    limits(side) {
      const axis = /** @type {any} */ (this.chart)[side];
      if (!this.everything) return axis.limits;
      const sides = this.chart.one_scale ? ["left", "right"] : [side];
      const [low, high] = extremes(this.lines.filter((line) => sides.includes(line.side)), axis.limits);
      return [low - 0.02 * (high - low), high + 0.02 * (high - low)];
    }

    drawPlot() {
      const lines = this.lines.map((line) => ({
        scale: line.side, show: !this.isLeftOut(line), stroke: () => marks.faded(line.colour, this.opacity(line)),
        width: (line.raw ? 1 : 1.8) * (line.raw ? 1 : line.width ?? 1), dash: marks.dash(line.dash, 1), points: { show: false },
      }));
      const sides = this.chart.right ? ["left", "right"] : ["left"];
      const plot = new window.uPlot({
        ...this.size(), legend: { show: false }, padding: [8, this.chart.right ? 0 : 12, 0, 0], series: [{}, ...lines],
        scales: Object.fromEntries([["x", { time: false, ...spacing(this.chart.x), range: () => this.view }], ...sides.map((side) => [side, { ...spacing(/** @type {any} */ (this.chart)[side]), range: () => this.limits(side) }])]),
        axes: [this.xAxis(), ...sides.map((side) => this.yAxis(side))],
        cursor: { x: false, y: false, points: { show: false }, drag: { x: true, y: false, setScale: false }, bind: { dblclick: () => () => figures.zoom(null) } },
        hooks: {
          drawAxes: [(/** @type {any} */ drawn) => marks.beneath(drawn, this.seen())],
          draw: [(/** @type {any} */ drawn) => this.finish(drawn)],
          setSelect: [(/** @type {any} */ drawn) => this.selected(drawn)],
        },
      }, this.columns(), this.place);
      this.cross = make("div", { class: "cross" });
      this.dots = make("div", { class: "dots" });
      plot.over.append(this.cross, this.dots);
      heldout.touch(this, plot);
      return plot;
    }

    /** Layers that are shown. */
    seen() {
      return this.chart.layers.filter((layer) => !this.isLeftOut(layer) && !["above", "below"].includes(layer.marker));
    }

    /** @param {any} plot */
    finish(plot) {
      marks.above(plot, this.seen());
      const outside = marks.outside(plot, this.seen());
      this.tell(outside);
      if (this.plot !== plot) return;
      heldout.tools.placeLane(this);  // only now it is known how wide the plot came out, and where its steps are
      this.point();
    }

    /** Say what the frame does not show. @param {number} outside */
    tell(outside) {
      const reduced = this.chart.per_pixel;
      const beyond = outside ? `${reduced ? "Values" : outside === 1 ? "1 value" : `${outside} values`} outside the frame (arrows). ` : "";
      const coarse = reduced ? `Lowest and highest of every ${Number(reduced.toPrecision(2))} steps. ` : "";
      this.outside.textContent = beyond + coarse;
      this.frame.textContent = this.everything ? "Usual frame" : "Show all values";
      this.frame.hidden = !outside && !this.everything;
      this.plain.textContent = this.unsmoothed ? "With smoothed line" : "Without smoothing";
      this.plain.hidden = !this.smooth.size;
    }

    xAxis() {
      const ticks = (/** @type {any} */ _, /** @type {number[]} */ at) => at.map((step) => heldout.tools.shortStep(step));
      return { ...this.axisLook("ink"), label: this.chart.x.label, values: ticks, space: 60, size: 28, labelSize: 20, ...(this.whole ? { incrs: WHOLE } : {}) };
    }

    /** @param {string} side */
    yAxis(side) {
      const axis = /** @type {Axis} */ (/** @type {any} */ (this.chart)[side]);
      const texts = new Map(axis.ticks.map((tick, at) => [tick, axis.texts[at]]));
      const usual = () => !this.everything;
      return {
        ...this.axisLook(axis.colour), scale: side, side: side === "left" ? 3 : 1, label: axis.label, labelSize: 20,
        grid: { show: side === "left", stroke: () => marks.ink("grid"), width: 1, dash: marks.dash(this.chart.grid, 1) },
        splits: (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ low, /** @type {number} */ high) => (usual() ? axis.ticks : evenly(low, high)),
        values: (/** @type {any} */ _, /** @type {number[]} */ at) => at.map((tick) => texts.get(tick) ?? String(Number(tick.toPrecision(6)))),
        size: (/** @type {any} */ _, /** @type {string[] | null} */ at) => 14 + 7 * Math.max(...(at ?? [""]).map((text) => text.length)),
      };
    }

    /** @param {string} role */
    axisLook(role) {
      const font = "12px system-ui, sans-serif";
      return {
        stroke: () => marks.ink(role), font, labelFont: font, labelGap: 0, gap: 4,
        grid: { show: false }, ticks: { stroke: () => marks.ink("muted"), width: 1, size: 4 }, border: { show: true, stroke: () => marks.ink("muted"), width: 1 },
      };
    }

    columns() {
      const tables = this.lines.filter((line) => line.steps.length).map((line) => [line.steps, line.values]);
      if (tables.length !== this.lines.length) return [this.all.x.limits, ...this.lines.map(() => [null, null])];
      return tables.length ? window.uPlot.join(tables) : [this.all.x.limits];
    }

    size() {
      const width = Math.max(this.place.clientWidth, 160);
      return { width, height: Math.round(Math.min(Math.max(0.5 * width, 250), 420)) };
    }

    resize() {
      const size = this.size();
      if (size.width !== this.plot.width) this.plot.setSize(size);
      this.point();
    }

    /** @param {any} plot */
    selected(plot) {
      const { left, width } = plot.select;
      if (width < 5) return;
      plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
      this.zoom(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
    }

    /** Show steps from low to high, in all figures over the same steps. @param {number | null} low @param {number} [high] */
    zoom(low, high = 0) {
      if (this.linked) return figures.zoom(low, high);
      this.own = low === null ? null : /** @type {[number, number]} */ ([low, high]);
      this.refresh();
    }

    /** Draw what the page's state says. */
    refresh() {
      const [low, high] = this.view, drawn = [low, high, [...this.hidden].sort(), this.everything, this.unsmoothed].join();
      if (drawn !== this.drawn) {
        this.drawn = drawn;
        this.lines.forEach((line, at) => this.plot.setSeries(at + 1, { show: !this.isLeftOut(line) }, false));
        this.plot.setScale("x", { min: low, max: high });
        this.plot.redraw(true, true);
        this.ask(low, high);
      }
      heldout.tools.refresh(this);
      this.show();
    }

    /** Get the steps that are in view from the server, if there is one. @param {number} low @param {number} high */
    async ask(low, high) {
      const asked = ++this.asked;
      if (!this.zoomed || !this.source) return this.take(this.all);
      await new Promise(requestAnimationFrame); // several zooms before the next picture are one
      if (asked !== this.asked) return;
      const chart = await this.source(low, high, this.plot.bbox.width).catch(() => null);
      if (chart && asked === this.asked) this.take(chart);
    }

    /** @param {Chart} chart */
    take(chart) {
      if (chart === this.chart) return;
      const same = shapeOf(chart) === shapeOf(this.chart);
      this.chart = chart;
      this.read();
      if (same) {
        this.plot.batch(() => {
          this.plot.setData(this.columns(), false);
          this.plot.setScale("x", { min: this.view[0], max: this.view[1] });
        });
      } else this.redrawn();
      this.show();
    }

    redrawn() {
      this.plot.destroy();
      this.plot = this.drawPlot();
    }

    /** Take new data of the whole run. A zoom to its end follows; any other stays. @param {Chart} chart */
    update(chart) {
      const last = this.last, [low, high] = this.view, follows = this.zoomed && high >= last;
      this.all = chart;
      this.drawn = "";
      this.take(chart);
      const now = this.last;
      if (follows && now > high) this.zoom(low + now - high, now);
      else this.refresh();
    }

    /** Show the step that the page points at. */
    show() {
      const step = hovered ?? asNumber(state.get("step"));
      this.step = step === null || !this.logged.length ? null : this.logged[series.nearest(this.logged, step)];
      this.readAloud();
      this.point();
    }

    readAloud() {
      const step = this.step, hidden = this.hidden;
      if (step === null) return void this.readout.replaceChildren(make("span", { class: "soft" }, heldout.tools.hint));
      const label = this.chart.x.label, at = `${/step/i.test(label) ? "step" : label} ${series.writtenStep(step)}`;
      const parts = [make("b", {}, at)], told = [at];
      for (const one of this.series.filter((one) => one.curve && !hidden.has(one.key))) {
        const axis = /** @type {any} */ (this.chart)[one.side], found = series.reading(one, step, this.chart.per_pixel ?? 0);
        const text = found ? series.words(found, axis, step) : "–", name = heldout.tools.nameOf(one);
        const swatch = heldout.tools.swatch(one);
        parts.push(make("span", {}, swatch, `${name} `, make("b", {}, text)));
        told.push(`${name} ${text}`);
      }
      this.readout.replaceChildren(...parts);
      this.said = told.join("; ");
    }

    /** Put the cross and the dots where they belong. */
    point() {
      const step = this.step, [low, high] = this.view, within = step !== null && step >= low && step <= high;
      this.cross.hidden = this.dots.hidden = !within;
      if (!within || step === null) return;
      this.cross.style.transform = `translateX(${this.plot.valToPos(step, "x")}px)`;
      this.cross.classList.toggle("pinned", hovered === null);
      const hidden = this.hidden;
      this.dots.replaceChildren(...this.series.filter((one) => one.curve && !hidden.has(one.key)).map((/** @type {Series} */ one) => this.dot(one, step)));
    }

    /** @param {Series} one @param {number} step */
    dot(one, step) {
      const found = series.reading(one, step, 0), dot = make("i");
      if (!found || found.step < this.view[0] || found.step > this.view[1]) return dot;
      dot.style.background = `var(--chart-${one.key})`;
      dot.style.transform = `translate(${this.plot.valToPos(found.step, "x")}px, ${this.plot.valToPos(found.value, one.side)}px)`;
      return dot;
    }

    /** The step under a place of the plot, in pixels from its left. @param {number} left */
    stepAt(left) {
      return this.logged[series.nearest(this.logged, this.plot.posToVal(left, "x"))] ?? null;
    }
  }

  /** Add a name to a list in the state, or take it out. @param {string} key @param {string} name */
  function toggle(key, name) {
    const names = state.get(key).split(",").filter(Boolean);
    state.set({ [key]: (names.includes(name) ? names.filter((/** @type {string} */ one) => one !== name) : [...names, name]).join() });
  }

  const figures = {
    get: (/** @type {string} */ id) => all.get(id),
    all: () => [...all.values()],
    toggle,
    /** Zoom all figures of the page; null is the whole run. @param {number | null} low @param {number} [high] */
    zoom(low, high = 0) {
      const first = [...all.values()][0];
      const [least, most] = first.all.x.limits, digits = Math.max(0, 3 - Math.floor(Math.log10(most - least)));
      const from = Math.max(low ?? least, least), to = Math.min(high, most);
      const whole = low === null || !(to > from) || (from <= least && to >= most);
      state.set({ x: whole ? "" : `${Number(from.toFixed(digits))}-${Number(to.toFixed(digits))}` });
      document.dispatchEvent(new CustomEvent("heldout:zoom", { detail: whole ? null : { low: from, high: to } }));
    },
    /** Point at a step in all figures, or at none. @param {number | null} step */
    hover(step) {
      if (step === hovered) return;
      hovered = step;
      for (const figure of all.values()) figure.show();
      document.dispatchEvent(new CustomEvent("heldout:hover", { detail: { step } }));
      figures.speak();
    },
    /** Keep a step: its readout stays. @param {number | null} step */
    pin(step) {
      state.set({ step: step === null ? "" : String(step) });
      document.dispatchEvent(new CustomEvent("heldout:step", { detail: { step, pinned: step !== null } }));
      figures.speak();
    },
    pinned: () => asNumber(state.get("step")),
    /** Say the readout of the figure in use, once the cursor rests. */
    speak() {
      clearTimeout(speaking);
      speaking = window.setTimeout(() => {
        const figure = [...all.values()].find((one) => one.element.contains(document.activeElement) || one.element.matches(":hover"));
        if (figure?.said && figure.step !== null) heldout.announce(figure.said);
      }, REST);
    },
    /** Colours changed. */
    repaint() {
      marks.forgetInks();
      for (const figure of all.values()) figure.plot.redraw(false, true);
    },
    /** Make the figures of an element live that are not yet. @param {ParentNode} [root] */
    enhance(root = document) {
      for (const element of root.querySelectorAll("figure.chart:not(.enhanced)")) {
        const content = JSON.parse(element.querySelector("script[type='application/json']")?.textContent ?? "null");
        if (content) {
          const figure = new Figure(/** @type {HTMLElement} */ (element), content);
          all.set(figure.id, figure);
        }
      }
    },
  };
  let speaking = 0;
  heldout.figures = figures;

  document.addEventListener("heldout:state", () => all.forEach((figure) => figure.refresh()));
  document.addEventListener("DOMContentLoaded", () => figures.enhance());
})();
