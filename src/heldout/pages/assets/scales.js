"use strict";
/** What a plot's axes need: from where to where, where ticks stand, and what an address says of it. Pure functions. */
(() => {
  const heldout = (window.heldout ??= /** @type {any} */ ({}));
  /** Distances between ticks of whole steps. */
  const WHOLE = Array.from({ length: 16 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();

  const spacing = (/** @type {Axis} */ axis) => (axis.log ? { distr: 3, log: 10 } : { distr: 1 });

  const asNumber = (/** @type {string} */ text) => (text.trim() === "" || !Number.isFinite(Number(text)) ? null : Number(text));

  /** @param {string} text @returns {[number, number] | null} */
  function asRange(text) {
    const found = /^(-?[\d.]+)-(-?[\d.]+)$/.exec(text);
    const [low, high] = found ? [Number(found[1]), Number(found[2])] : [NaN, NaN];
    return low < high ? [low, high] : null;
  }

  /** @param {Layer[]} lines @param {number[]} limits */
  function extremes(lines, limits) {
    let [low, high] = limits;
    for (const line of lines) for (const value of line.values) if (value != null) (low = Math.min(low, value)), (high = Math.max(high, value));
    return [low, high];
  }

  /** Round ticks, about five. @param {number} low @param {number} high */
  function evenly(low, high) {
    const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((digit) => digit * power).find((size) => size >= rough) ?? rough;
    const first = Math.ceil(low / step);
    return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, at) => Number(((first + at) * step).toPrecision(12)));
  }

  /** Whether two charts can share a plot: the same axes and lines. */
  const shapeOf = (/** @type {Chart} */ chart) => JSON.stringify([chart.left.label, chart.right?.label, chart.left.limits, chart.right?.limits, chart.layers.filter((layer) => layer.kind === "line").map((line) => [line.label, line.colour, line.side, line.raw])]);

  heldout.scales = { WHOLE, spacing, asNumber, asRange, extremes, evenly, shapeOf };
})();
