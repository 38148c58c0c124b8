"use strict";
/**
 * What a chart's data says: its series, their values at a step, and the rows of a table. Pure functions; nothing is drawn.
 *
 * @typedef {{label: string, unit: string, limits: number[], ticks: number[], texts: string[], colour: string, log: boolean}} Axis
 * @typedef {{kind: string, side: string, label: string, colour: string, [rest: string]: any}} Layer
 * @typedef {{title: string, caption: string, x: Axis, left: Axis, right: Axis | null, one_scale: boolean, grid: string,
 *   per_pixel: number | null, layers: Layer[]}} Chart
 * @typedef {{key: string, label: string, side: string, layers: Layer[], curve: Layer | null, raw: Layer | null,
 *   ends: Layer | null}} Series what is drawn in one colour: a curve, the values behind it, and its bars or its band
 * @typedef {{step: number, value: number, low: number | null, high: number | null, raw: number[] | null}} Reading
 */
(() => {
  const heldout = (window.heldout ??= /** @type {any} */ ({}));

  /** What stands in a chart by itself, with an entry in the legend: one for each colour. @param {Chart} chart */
  function seriesOf(chart) {
    /** @type {Map<string, Layer[]>} */
    const byColour = new Map();
    for (const layer of chart.layers) byColour.set(layer.colour, [...(byColour.get(layer.colour) ?? []), layer]);
    return [...byColour].map(([key, layers]) => series(key, layers)).sort((a, b) => Number(!a.curve) - Number(!b.curve));
  }

  /** @param {string} key @param {Layer[]} layers @returns {Series} */
  function series(key, layers) {
    const lines = layers.filter((layer) => layer.kind === "line" && !layer.raw);
    const points = layers.find((layer) => layer.kind === "points" && !isMark(layer));
    const raw = layers.find((layer) => layer.raw) ?? null;
    const bars = layers.find((layer) => layer.kind === "points" && layer.low);
    const band = layers.find((layer) => layer.kind === "band");
    const curve = lines.find((layer) => layer.label) ?? lines[0] ?? points ?? raw;
    const label = curve?.label || layers.find((layer) => layer.label)?.label || "";
    return { key, label, side: curve?.side ?? "left", layers, curve, raw: curve === raw ? null : raw, ends: bars ?? (raw ? null : band) ?? null };
  }

  const isMark = (/** @type {Layer} */ layer) => ["above", "below", "ring"].includes(layer.marker);

  /** The place of the number that is nearest, where there is a value. @param {number[]} steps @param {number} step */
  function nearest(steps, step, values = /** @type {any[]} */ (steps)) {
    let low = 0, high = steps.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (steps[middle] < step) low = middle + 1;
      else high = middle;
    }
    const known = [low - 1, low, low - 2, low + 1].filter((at) => at >= 0 && at < steps.length && values[at] != null);
    const distance = (/** @type {number} */ at) => Math.abs(steps[at] - step);
    return known.length ? known.reduce((best, at) => (distance(at) < distance(best) ? at : best)) : -1;
  }

  /** Steps at which something was logged: a smoothed line is known everywhere, its values are not. @param {Chart} chart */
  function loggedSteps(chart) {
    const curves = seriesOf(chart).filter((one) => one.curve);
    const all = curves.flatMap((one) => (one.raw ?? one.curve)?.steps ?? []);
    return sorted(all.filter((step) => step != null));
  }

  /** Steps of evaluations: of curves without values behind them; all steps where there is none. @param {Chart} chart */
  function evaluatedSteps(chart) {
    const sparse = seriesOf(chart).filter((one) => one.curve && !one.raw);
    const steps = sorted(sparse.flatMap((one) => one.curve?.steps ?? []));
    return steps.length ? steps : loggedSteps(chart);
  }

  const sorted = (/** @type {number[]} */ steps) => Array.from(new Set(steps)).sort((a, b) => a - b);

  /** What a series says at a step: the value nearest to it, with its interval and the values behind it.
   * @param {Series} one @param {number} step @param {number} reach @returns {Reading | null} */
  function reading(one, step, reach) {
    const curve = one.curve;
    const at = curve ? nearest(curve.steps, step, curve.values) : -1;
    if (!curve || at < 0) return null;
    const ends = one.ends ? nearest(one.ends.steps, curve.steps[at], one.ends.low) : -1;
    const same = one.ends && ends >= 0 && one.ends.steps[ends] === curve.steps[at];
    return {
      step: curve.steps[at],
      value: curve.values[at],
      low: same ? one.ends?.low[ends] : null,
      high: same ? one.ends?.high[ends] : null,
      raw: one.raw ? valuesNear(one.raw, step, reach) : null,
    };
  }

  /** Lowest and highest value within reach of a step, or those of the nearest. @param {Layer} raw @param {number} step
   * @param {number} reach */
  function valuesNear(raw, step, reach) {
    const at = nearest(raw.steps, step, raw.values);
    if (at < 0) return null;
    let low = raw.values[at], high = low;
    for (const way of [-1, 1])
      for (let i = at + way; i >= 0 && i < raw.steps.length && Math.abs(raw.steps[i] - step) <= reach; i += way)
        if (raw.values[i] != null) (low = Math.min(low, raw.values[i])), (high = Math.max(high, raw.values[i]));
    return [low, high];
  }

  /** A number as fine as a five-hundredth of its axis. @param {number} value @param {Axis} axis */
  function written(value, axis) {
    const fine = (axis.limits[1] - axis.limits[0]) / 500, decimals = Math.max(0, Math.ceil(-Math.log10(fine)));
    const plain = decimals <= 9 && Math.abs(value) < 1e15;
    return (plain ? value.toFixed(decimals) : String(Number(value.toPrecision(4)))).replace("-", "−");
  }

  /** A step, whole where steps are. @param {number} step */
  const writtenStep = (step) => (Number.isInteger(step) ? String(step) : String(Number(step.toPrecision(6)))).replace("-", "−");

  /** A series' value in words: "0.71 (raw 0.55 to 0.86)". @param {Reading} found @param {Axis} axis @param {number} step */
  function words(found, axis, step) {
    const unit = axis.unit === "%" ? " %" : "";
    const number = (/** @type {number} */ value) => written(value, axis);
    const interval = found.low == null || found.high == null ? "" : ` (${number(found.low)} to ${number(found.high)})`;
    const [low, high] = found.raw ?? [];
    const raw = low === undefined ? "" : ` (raw ${number(low)}${high === low ? "" : ` to ${number(high)}`})`;
    const away = found.raw || found.step === step ? "" : ` at ${writtenStep(found.step)}`;
    return number(found.value) + unit + interval + raw + away;
  }

  /** The table of what is drawn between two steps: a head and rows, a row for each step at which something is known.
   * @param {Chart} chart @param {number[]} view */
  function table(chart, view) {
    const columns = seriesOf(chart).filter((one) => one.curve).flatMap(columnsOf);
    /** @type {Map<number, (number | null)[]>} */
    const rows = new Map();
    columns.forEach((column, place) => {
      column.steps.forEach((/** @type {number} */ step, /** @type {number} */ at) => {
        if (step < view[0] || step > view[1] || column.values[at] == null) return;
        if (!rows.has(step)) rows.set(step, Array(columns.length).fill(null));
        (rows.get(step) ?? [])[place] = column.values[at];
      });
    });
    const ordered = [...rows].sort((a, b) => a[0] - b[0]).map(([step, values]) => [step, ...values]);
    return { head: [chart.x.label, ...columns.map((column) => column.name)], rows: ordered };
  }

  /** @param {Series} one */
  function columnsOf(one) {
    const columns = [{ name: one.label, steps: one.curve?.steps ?? [], values: one.curve?.values ?? [] }];
    if (one.raw) columns.push({ name: `${one.label}: each value`, steps: one.raw.steps, values: one.raw.values });
    for (const end of one.ends ? ["low", "high"] : [])
      columns.push({ name: `${one.label}: ${end} end of 95 %`, steps: one.ends?.steps, values: one.ends?.[end] });
    return columns;
  }

  heldout.series = { seriesOf, nearest, loggedSteps, evaluatedSteps, reading, words, written, writtenStep, table, isMark };
})();
