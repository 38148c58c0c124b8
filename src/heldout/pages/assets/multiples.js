"use strict";
/** Small figures below the large ones: they share the cursor, the step that is kept, and the zoom. */
(() => {
  const heldout = (window.heldout ??= /** @type {any} */ ({}));
  const { state, figures, series } = heldout;

  const place = /** @type {HTMLElement | null} */ (document.querySelector(".multiples"));
  if (!place) return;
  const { first, last, width, steps, drawings } = JSON.parse(place.querySelector("script")?.textContent ?? "{}");
  const pictures = [...place.querySelectorAll("figure")].map((element, index) => {
    const drawing = /** @type {SVGSVGElement} */ (element.querySelector("svg"));
    const cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
    cursor.setAttribute("y2", "200");
    cursor.setAttribute("class", "cursor");
    cursor.setAttribute("visibility", "hidden");
    drawing.append(cursor);
    const words = /** @type {HTMLElement} */ (element.querySelector("figcaption span"));
    return { drawing, cursor, words, ends: words.textContent, at: steps[drawings[index].at], values: drawings[index].values };
  });
  const unit = width / Math.max(last - first, 1);

  /** @param {number | null} step */
  function show(step) {
    for (const { cursor, words, ends, at, values } of pictures) {
      const nearest = step === null ? 0 : series.nearest(at, step);
      words.textContent = step === null ? ends : `${values[nearest]} at ${at[nearest]}`;
      cursor.setAttribute("visibility", step === null ? "hidden" : "visible");
      if (step === null) continue;
      for (const end of ["x1", "x2"]) cursor.setAttribute(end, String((at[nearest] - first) * unit));
    }
  }

  /** Follow what was chosen: the zoom is the frame of a drawing. */
  function follow() {
    const [low, high] = (/^(-?[\d.]+)-(-?[\d.]+)$/.exec(state.get("x")) ?? []).slice(1).map(Number);
    const zoomed = low < high;
    const from = zoomed ? (low - first) * unit : 0, size = zoomed ? (high - low) * unit : width;
    for (const { drawing } of pictures) drawing.setAttribute("viewBox", `${from} 0 ${size} 200`);
    const step = Number(state.get("step") || NaN);
    show(Number.isNaN(step) ? null : step);
  }

  pictures.forEach(({ drawing, at }) => {
    /** @param {MouseEvent} event */
    const under = (event) => {
      const { left, width: wide } = drawing.getBoundingClientRect(), { x, width: size } = drawing.viewBox.baseVal;
      return at[series.nearest(at, first + (x + ((event.clientX - left) / wide) * size) / unit)];
    };
    drawing.addEventListener("pointermove", (event) => figures.hover(under(event)));
    drawing.addEventListener("pointerleave", () => figures.hover(null));
    drawing.addEventListener("click", (event) => figures.pin(under(event)));
  });
  document.addEventListener("heldout:hover", (event) => {
    const { step } = /** @type {CustomEvent} */ (event).detail;
    if (step === null) follow();
    else show(step);
  });
  document.addEventListener("heldout:state", follow);
  follow();
})();
