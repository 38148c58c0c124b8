"use strict";
/** Painting what uPlot does not: bands, bars, markers, rules, spans, words, and arrows to what lies outside the frame. */
(() => {
  const heldout = (window.heldout ??= /** @type {any} */ ({}));
  const DASHES = { solid: [], dashed: [8, 4], dotted: [2, 3], "dash-dot": [9, 3, 2, 3] };
  const GLYPHS = { circle: "●", square: "■", diamond: "◆", triangle: "▲", none: "", ring: "○" };
  const EDGE = 8; // pixels that a mark at the frame may reach over it
  const probe = document.createElement("span");
  /** @type {Map<string, string>} */
  const inks = new Map();

  /** The colour of a role in the theme of the page, as a canvas takes it. @param {string} role */
  function ink(role) {
    if (!inks.has(role)) {
      if (!probe.isConnected) document.body.append(probe);
      probe.hidden = true;
      probe.style.color = `var(--chart-${role})`;
      inks.set(role, getComputedStyle(probe).color);
    }
    return inks.get(role) ?? "";
  }

  /** The same, with an opacity. @param {string} role @param {number} alpha */
  const faded = (role, alpha) => ink(role).replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);

  /** Paint within the frame, at so many canvas pixels to a pixel of the page; marks may reach a little over its edge.
   * @param {any} plot @param {(context: CanvasRenderingContext2D, scale: number) => void} paint @param {number} [over] */
  function inside(plot, paint, over = 0) {
    const { left, top, width, height } = plot.bbox, scale = devicePixelRatio || 1, edge = over * scale;
    plot.ctx.save();
    plot.ctx.beginPath();
    plot.ctx.rect(left - edge, top - edge, width + 2 * edge, height + 2 * edge);
    plot.ctx.clip();
    plot.ctx.setLineDash([]);
    paint(plot.ctx, scale);
    plot.ctx.restore();
  }

  const across = (/** @type {any} */ plot, /** @type {number} */ step) => plot.valToPos(step, "x", true);
  const up = (/** @type {any} */ plot, /** @type {string} */ side, /** @type {number} */ value) => plot.valToPos(value, side, true);

  /** What lies beneath the curves. @param {any} plot @param {Layer[]} layers */
  function beneath(plot, layers) {
    inside(plot, (context, scale) => {
      for (const layer of layers) {
        if (layer.kind === "span") span(plot, context, layer, scale);
        else if (layer.kind === "rule") rule(plot, context, layer, scale);
        else if (layer.kind === "band") band(plot, context, layer);
      }
    });
  }

  /** What lies on top of them. @param {any} plot @param {Layer[]} layers */
  function above(plot, layers) {
    const marked = layers.filter((layer) => layer.marker && layer.marker !== "none" && !layer.raw);
    inside(plot, (context, scale) => layers.filter((layer) => layer.low && layer.kind === "points").forEach((layer) => bars(plot, context, layer, scale)));
    inside(plot, (context, scale) => marked.forEach((layer) => markers(plot, context, layer, scale)), EDGE);
    inside(plot, (context, scale) => {
      for (const layer of layers) if (layer.kind === "text") text(plot, context, layer, scale);
      ruleLabels(plot, context, layers.filter((layer) => layer.kind === "rule" && layer.label && layer.step != null), scale);
    });
  }

  /** @param {any} plot @param {CanvasRenderingContext2D} context @param {Layer} layer @param {number} scale */
  function span(plot, context, layer, scale) {
    const from = across(plot, layer.low);
    context.fillStyle = faded(layer.colour, layer.alpha);
    context.fillRect(from, plot.bbox.top, Math.max(across(plot, layer.high) - from, scale), plot.bbox.height);
  }

  /** @param {any} plot @param {CanvasRenderingContext2D} context @param {Layer} layer @param {number} scale */
  function rule(plot, context, layer, scale) {
    const { left, top, width, height } = plot.bbox;
    context.strokeStyle = ink(layer.colour);
    context.lineWidth = 1.2 * scale;
    context.setLineDash(dash(layer.dash, scale));
    context.beginPath();
    if (layer.step != null) {
      const x = across(plot, layer.step);
      context.moveTo(x, top);
      context.lineTo(x, top + height);
    } else {
      const y = up(plot, layer.side, layer.value);
      context.moveTo(left, y);
      context.lineTo(left + width, y);
    }
    context.stroke();
    context.setLineDash([]);
  }

  /** @param {any} plot @param {CanvasRenderingContext2D} context @param {Layer} layer */
  function band(plot, context, layer) {
    context.fillStyle = faded(layer.colour, layer.alpha);
    let first = 0;
    for (let at = 0; at <= layer.steps.length; at++) {
      if (at < layer.steps.length && layer.low[at] != null) continue;
      piece(plot, context, layer, first, at);
      first = at + 1;
    }
  }

  /** @param {any} plot @param {CanvasRenderingContext2D} context @param {Layer} layer @param {number} first @param {number} last */
  function piece(plot, context, layer, first, last) {
    context.beginPath();
    for (let at = first; at < last; at++) context.lineTo(across(plot, layer.steps[at]), up(plot, layer.side, layer.high[at]));
    for (let at = last - 1; at >= first; at--) context.lineTo(across(plot, layer.steps[at]), up(plot, layer.side, layer.low[at]));
    context.fill();
  }

  /** @param {any} plot @param {CanvasRenderingContext2D} context @param {Layer} layer @param {number} scale */
  function bars(plot, context, layer, scale) {
    context.strokeStyle = faded(layer.colour, layer.alpha);
    context.lineWidth = scale;
    context.beginPath();
    layer.steps.forEach((/** @type {number} */ step, /** @type {number} */ at) => {
      const x = across(plot, step), low = up(plot, layer.side, layer.low[at]), high = up(plot, layer.side, layer.high[at]);
      context.moveTo(x, low);
      context.lineTo(x, high);
      for (const end of [low, high]) context.moveTo(x - 2.5 * scale, end), context.lineTo(x + 2.5 * scale, end);
    });
    context.stroke();
  }

  /** @param {any} plot @param {CanvasRenderingContext2D} context @param {Layer} layer @param {number} scale */
  function markers(plot, context, layer, scale) {
    const [steps, values] = layer.marked ?? [layer.steps, layer.values];
    const ring = layer.marker === "ring", size = (ring ? 7 : 3.6 * (layer.size ?? 1)) * scale;
    context.strokeStyle = ring ? ink(layer.colour) : ink("ground");
    context.fillStyle = ink(layer.colour);
    context.lineWidth = (ring ? 1.4 : 0.8) * scale;
    let before = -Infinity;
    for (let at = 0; at < steps.length; at++) {
      const x = across(plot, steps[at]), y = values[at] == null ? 0 : up(plot, layer.side, values[at]);
      if (values[at] == null || beyond(plot, x, y) || (layer.kind === "line" && x - before < 1.5 * size)) continue;
      before = x;
      shape(context, layer.marker, x, y, size);
      if (!ring) context.fill();
      context.stroke();
    }
  }

  /** @param {any} plot @param {number} x @param {number} y */
  const beyond = ({ bbox: { left, top, width, height } }, x, y) => x < left - 1 || x > left + width + 1 || y < top - 1 || y > top + height + 1;

  /** @param {CanvasRenderingContext2D} context @param {string} marker @param {number} x @param {number} y @param {number} size */
  function shape(context, marker, x, y, size) {
    context.beginPath();
    if (marker === "square") context.rect(x - 0.9 * size, y - 0.9 * size, 1.8 * size, 1.8 * size);
    else if (marker === "circle" || marker === "ring") context.arc(x, y, size, 0, 2 * Math.PI);
    else polygon(context, CORNERS[marker] ?? CORNERS.diamond, x, y, 1.2 * size);
  }

  /** @type {Record<string, number[][]>} */
  const CORNERS = {
    diamond: [[0, -1], [1, 0], [0, 1], [-1, 0]],
    triangle: [[0, -1], [1, 0.8], [-1, 0.8]],
    above: [[0, -1], [0.9, 0.6], [-0.9, 0.6]],
    below: [[0, 1], [0.9, -0.6], [-0.9, -0.6]],
  };

  /** @param {CanvasRenderingContext2D} context @param {number[][]} corners @param {number} x @param {number} y @param {number} size */
  function polygon(context, corners, x, y, size) {
    corners.forEach(([dx, dy], at) => (at ? context.lineTo(x + dx * size, y + dy * size) : context.moveTo(x + dx * size, y + dy * size)));
    context.closePath();
  }

  /** Words above a point, or below it at the top; inside the frame. @param {any} plot @param {CanvasRenderingContext2D} context @param {Layer} layer @param {number} scale */
  function text(plot, context, layer, scale) {
    const x = across(plot, layer.step), y = up(plot, layer.side, layer.value), { left, top, width } = plot.bbox;
    if (x < left || x > left + width) return;
    const low = y - 24 * scale < top;
    haloed(context, layer.text, x, low ? y + 20 * scale : y - 12 * scale, layer.colour, scale, [left, left + width]);
  }

  /** The words of vertical rules stand in rows at the top, none upon another. @param {any} plot @param {CanvasRenderingContext2D} context @param {Layer[]} rules @param {number} scale */
  function ruleLabels(plot, context, rules, scale) {
    const { left, top, width } = plot.bbox;
    /** @type {number[]} */
    const ends = [];
    for (const layer of [...rules].sort((a, b) => a.step - b.step)) {
      const x = across(plot, layer.step);
      if (x < left || x > left + width) continue;
      context.font = `${12 * scale}px system-ui, sans-serif`;
      const long = context.measureText(layer.label).width + 10 * scale, flip = x + long > left + width;
      const from = flip ? x - long : x, row = ends.findIndex((end) => end < from), at = row < 0 ? ends.length : row;
      ends[at] = from + long;
      context.textAlign = "left";
      haloed(context, layer.label, from + 5 * scale, top + (at + 1) * 15 * scale, layer.colour, scale);
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {string} words @param {number} x @param {number} y @param {string} role @param {number} scale @param {number[]} [frame] */
  function haloed(context, words, x, y, role, scale, frame) {
    context.font = `${12 * scale}px system-ui, sans-serif`;
    if (frame) {
      const half = context.measureText(words).width / 2 + 3 * scale;
      x = Math.min(Math.max(x, frame[0] + half), frame[1] - half);
      context.textAlign = "center";
    }
    context.lineWidth = 4 * scale;
    context.lineJoin = "round";
    context.strokeStyle = faded("ground", 0.85);
    context.strokeText(words, x, y);
    context.fillStyle = ink(role);
    context.fillText(words, x, y);
    context.textAlign = "left";
  }

  /** Arrows at the frame where values lie beyond it; returns how many do. @param {any} plot @param {Layer[]} layers */
  function outside(plot, layers) {
    let count = 0;
    inside(plot, (context, scale) => {
      for (const layer of layers.filter((one) => one.values && one.kind === "line")) {
        const { min, max } = plot.scales[layer.side], x = plot.scales.x;
        /** @type {Record<string, number>} */
        const before = { above: -Infinity, below: -Infinity };
        context.fillStyle = faded(layer.colour, 0.7);
        for (let at = 0; at < layer.steps.length; at++) {
          const value = layer.values[at], step = layer.steps[at];
          if (value == null || (value >= min && value <= max) || step < x.min || step > x.max) continue;
          count += 1;
          const way = value > max ? "above" : "below", place = across(plot, step), size = 3.5 * scale;
          if (place - before[way] < 1.5 * size) continue;
          before[way] = place;
          shape(context, way, place, way === "above" ? plot.bbox.top + size : plot.bbox.top + plot.bbox.height - size, size);
          context.fill();
        }
      }
    });
    return count;
  }

  const dash = (/** @type {string} */ name, /** @type {number} */ scale) => (/** @type {any} */ (DASHES)[name] ?? []).map((/** @type {number} */ length) => length * scale);

  heldout.marks = { ink, faded, beneath, above, outside, dash, GLYPHS, forgetInks: () => inks.clear() };
})();
