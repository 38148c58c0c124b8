"use strict";
/**
 * What goes on, while one looks: the page of a run takes new points and a new verdict, the table of runs new rows.
 *
 * One stream a tab, closed while the tab is hidden; what was missed meanwhile is fetched when it is seen again.
 */
(() => {
  const heldout = (window.heldout ??= /** @type {any} */ ({}));
  const AGAIN = 2000, QUIET = 120_000; // ms
  const root = document.querySelector("[data-live]");
  if (!(root instanceof HTMLElement)) return;
  const { base = "", slug = "", view = "" } = root.dataset;
  let seen = root.dataset.live ?? "";

  /** @param {string} name @param {string} [text] */
  function element(name, text = "") {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  }

  // --- the page of a run -----------------------------------------------------------------------------------------------
  const chip = /** @type {HTMLButtonElement | null} */ (document.getElementById("new-steps"));
  const told = document.getElementById("live");
  let last = Number(root.dataset.last);
  let quiet = 0; // a timer
  let waiting = false;
  let busy = false;

  const figures = () => heldout.figures?.all() ?? [];

  /** Whether a figure shows other steps than the newest. @param {any} figure */
  const looksBack = (figure) => figure.zoomed && figure.view[1] < figure.last;

  async function refresh() {
    waiting = true;
    if (busy) return;
    busy = true;
    while (waiting) {
      waiting = false;
      const columns = Math.min(Math.max(Math.round(innerWidth), 300), 2000);
      const answer = await fetch(`${base}/api/run/${slug}/live?px=${columns}&${view}`).catch(() => null);
      if (answer?.ok) take(await answer.json());
      else if (answer?.status !== 404) setTimeout(refresh, AGAIN);
    }
    busy = false;
  }

  /** @param {any} now */
  function take(now) {
    seen = now.stamp;
    const behind = figures().some(looksBack);
    for (const [stem, chart] of Object.entries(now.figures)) heldout.figures.get(stem)?.update(chart);
    if (now.last > last && chip && behind) {
      chip.hidden = false;
      chip.dataset.missed = String(Number(chip.dataset.missed ?? 0) + now.last - last);
      chip.textContent = `${chip.dataset.missed} new step${chip.dataset.missed === "1" ? "" : "s"} →`;
    }
    last = now.last;
    say(now.ended ? `ended at step ${last}` : `● live, step ${last}`);
    clearTimeout(quiet);
    if (!now.ended) quiet = window.setTimeout(() => say(`step ${last}, nothing new for two minutes`), QUIET);
    verdict(now);
    date();
  }

  /** @param {string} text how the run goes on */
  function say(text) {
    if (told) told.textContent = text;
  }

  /** Say of what does not go on with the verdict and the figures how old it is, and offer what is new. */
  function date() {
    const words = `The verdict and the figures are as of step ${last}; all else on this page is as of step ${root?.dataset.last}. `;
    const told = document.querySelector("#dated span");
    if (told) return void (told.textContent = words);
    const note = element("p");
    note.id = "dated";
    note.className = "where";
    note.append(element("span", words), heldout.button("Show the new state", renew));
    document.querySelector("section.verdict")?.after(note);
    heldout.announce?.("The log goes on; a button below the verdict shows the new state of the whole page.");
  }

  // --- the new state of the whole page: read again, with the zoom, what is open and the place as they are ----------------
  const KEPT = `heldout:${location.pathname}`;

  /** What can be open, by what stands above it; numbers in words change as a run goes on. @returns {[string, HTMLDetailsElement][]} */
  function openings() {
    /** @type {Map<string, number>} */
    const times = new Map();
    let head = "";
    /** @type {[string, HTMLDetailsElement][]} */
    const found = [];
    for (const one of document.querySelectorAll("h2[id], h3[id], h4[id], main details:not(.menu)")) {
      const words = (one.matches("details") ? one.querySelector("summary") : one)?.textContent?.replace(/[\d.,]+/g, "") ?? "";
      if (!(one instanceof HTMLDetailsElement)) {
        head = words;
        continue;
      }
      const name = `${head}|${words}`, time = times.get(name) ?? 0;
      times.set(name, time + 1);
      found.push([`${name}|${time}`, one]);
    }
    return found;
  }

  const sheets = () => figures().filter((/** @type {any} */ figure) => !figure.sheet.hidden).map((/** @type {any} */ figure) => figure.id);

  /** The last part of the page that begins above what is seen, and how far above. */
  function place() {
    const parts = [...document.querySelectorAll("main [id]")].filter((part) => part.getBoundingClientRect().height);
    const above = parts.filter((part) => part.getBoundingClientRect().top <= 1).pop();
    return above ? { id: above.id, top: above.getBoundingClientRect().top } : { id: "", top: -scrollY };
  }

  function renew() {
    const kept = { open: openings().map(([name, one]) => [name, one.open]), sheets: sheets(), place: place() };
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(kept));
      history.scrollRestoration = "manual";
      history.replaceState(history.state, "", heldout.state.link());
    } catch {
      // a browser that keeps nothing shows the new state from the top
    }
    location.reload();
  }

  function restore() {
    let kept = null;
    try {
      kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
      sessionStorage.removeItem(KEPT);
    } catch {
      return;
    }
    if (!kept) return;
    history.scrollRestoration = "auto";
    const open = new Map(kept.open);
    for (const [name, one] of openings()) one.open = /** @type {boolean} */ (open.get(name) ?? one.open);
    for (const id of kept.sheets) /** @type {HTMLElement | null} */ (heldout.figures.get(id)?.element.querySelector(".tools [aria-expanded=false]"))?.click();
    const part = document.getElementById(kept.place.id);
    scrollTo({ top: scrollY + (part?.getBoundingClientRect().top ?? -scrollY) - kept.place.top, behavior: "instant" });
  }
  document.addEventListener("DOMContentLoaded", restore);

  /** Replace the words of the verdict; nothing moves but what is longer. @param {any} now */
  function verdict(now) {
    const card = document.querySelector("section.verdict");
    const state = card?.querySelector(".state");
    if (!card || !state) return;
    card.className = `verdict ${now.verdict.colour}`;
    const label = element("span", now.verdict.label);
    if (state.textContent?.trim() !== `${now.verdict.state} ${now.verdict.label}`) {
      state.replaceChildren(`${now.verdict.state} `, label);
      heldout.announce?.(`${now.verdict.state}, ${now.verdict.label}`);
    }
    card.querySelectorAll("dd").forEach((answer, at) => {
      const line = now.lines[at];
      if (!line) return;
      answer.replaceChildren(line.answer);
      if (line.command) {
        const command = element("code", line.command);
        command.className = "command";
        answer.append(` ${line.how}:`, command);
      }
    });
  }

  function follow() {
    for (const figure of figures().filter(looksBack)) {
      const [low, high] = figure.view;
      figure.zoom(low + figure.last - high, figure.last);
    }
    if (chip) {
      chip.hidden = true;
      delete chip.dataset.missed;
    }
  }

  chip?.addEventListener("click", follow);
  document.addEventListener("heldout:zoom", () => chip && !figures().some(looksBack) && follow());
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLElement && event.target.matches("input, textarea, select");
    if (event.key === "f" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) follow();
  });
  function ask() {
    for (const figure of figures()) askOf(figure);
  }

  /** Let a figure ask for the steps that it shows. @param {any} figure */
  function askOf(figure) {
    figure.source = async (/** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ pixels) => {
      const query = new URLSearchParams({ from: String(low), to: String(high), px: String(Math.round(Math.min(pixels, 4000))) });
      const answer = await fetch(`${base}/api/figure/${slug}/${figure.id}.json?${query}&${view}`);
      if (!answer.ok) throw new Error(await answer.text());
      return answer.json();
    };
    if (figure.zoomed) figure.ask(...figure.view);
    link(figure);
  }

  /** Let the files of a figure be of what is seen. @param {any} figure */
  function link(figure) {
    const [from, to] = figure.view.map((/** @type {number} */ step) => String(Number(step.toPrecision(6))));
    for (const file of /** @type {NodeListOf<HTMLAnchorElement>} */ (figure.element.querySelectorAll(".menu a"))) {
      const address = new URL(file.href);
      if (figure.zoomed) for (const [name, step] of [["from", from], ["to", to]]) address.searchParams.set(name, step);
      else for (const name of ["from", "to"]) address.searchParams.delete(name);
      file.href = address.href;
      file.textContent = `${address.pathname.split(".").pop()?.toUpperCase()} for paper, ${figure.zoomed ? "this view" : "whole run"}`;
    }
  }
  document.addEventListener("heldout:state", () => figures().forEach(link));
  document.addEventListener("DOMContentLoaded", ask);

  // --- the table of runs -----------------------------------------------------------------------------------------------
  const table = document.querySelector("[data-table]");
  /** @param {string} text @returns {Document} what the server wrote, every text in it escaped */
  const parsed = (text) => new DOMParser().parseFromString(text, "text/html");

  /** Put a new row in the place of the old one; what was selected stays so. @param {HTMLTableRowElement} old @param {HTMLTableRowElement} row */
  function put(old, row) {
    const box = old.querySelector("input[type=checkbox]");
    const held = old.contains(document.activeElement);
    old.className = row.className;
    for (const [key, value] of Object.entries(row.dataset)) old.dataset[key] = value;
    [...row.cells].forEach((cell, at) => {
      if (old.cells[at] && cell.dataset.more) old.cells[at].dataset.more = cell.dataset.more;
      if (old.cells[at]?.innerHTML === cell.innerHTML) return;
      old.cells[at].replaceChildren(...(cell.tagName === "TH" && box ? [box, " "] : []), ...cell.childNodes);
      if (cell.dataset.v) old.cells[at].dataset.v = cell.dataset.v;
    });
    if (held) old.querySelector("a")?.focus();
  }

  const rowOf = (/** @type {string} */ slug) =>
    /** @type {HTMLTableRowElement | null} */ (table?.querySelector(`tr[data-slug="${CSS.escape(slug)}"]`) ?? null);

  /** @param {{slug: string, row: string}} one */
  function takeRow(one) {
    const row = /** @type {HTMLTableRowElement | null} */ (parsed(`<table>${one.row}</table>`).querySelector("tr"));
    const old = rowOf(one.slug);
    if (row && old && row.dataset.state === old.dataset.state) {
      put(old, row);
      table?.dispatchEvent(new CustomEvent("heldout:rows"));
    } else later();
  }

  let due = 0;

  /** Read the whole table, once for all that changes within a moment. */
  function later() {
    due ||= window.setTimeout(() => ((due = 0), takeRows()), 500);
  }

  async function takeRows() {
    const answer = await fetch(location.pathname).catch(() => null);
    if (!answer?.ok) return void setTimeout(later, AGAIN); // what was told is not forgotten
    const page = parsed(await answer.text());
    takeTable(page);
    for (const part of ["#told", "#refused-list", "[data-table] .chips"]) {
      const [old, now] = [document.querySelector(part), page.querySelector(part)];
      if (old && now && old.textContent !== now.textContent) old.replaceChildren(...now.childNodes);
    }
  }

  /** Take rows, their groups and their order as the server has them; what was selected, opened and pointed at stays so. @param {Document} page */
  function takeTable(page) {
    const here = table?.querySelector("table"), now = page.querySelector("[data-table] table");
    if (!table || !here || !now) return;
    const held = document.activeElement, row = /** @type {HTMLElement | null | undefined} */ (held?.closest("tr[data-slug]"));
    const chosen = [...here.querySelectorAll("tr[data-slug]:has(input:checked)")].map((one) => /** @type {HTMLElement} */ (one).dataset.slug ?? "");
    const opened = new Set([...here.tBodies].filter((body) => body.dataset.open === "true").map(groupOf));
    for (const body of now.tBodies) if (opened.has(groupOf(body))) body.dataset.open = "true";
    for (const body of [...here.tBodies]) body.remove();
    here.append(...now.tBodies);
    table.dispatchEvent(new CustomEvent("heldout:rows"));
    for (const box of chosen.map((slug) => rowOf(slug)?.querySelector("input"))) if (box) box.checked = true;
    here.dispatchEvent(new Event("change"));
    if (row && held) rowOf(row.dataset.slug ?? "")?.querySelector(held.tagName)?.focus({ preventScroll: true });
  }

  /** @param {Element} body the name of its group, which no run's own body has */
  const groupOf = (body) => body.querySelector("tr.group .name")?.textContent ?? null;

  // --- the stream ------------------------------------------------------------------------------------------------------
  /** @type {EventSource | null} */
  let stream = null;
  let lost = false;

  function open() {
    if (stream || document.hidden) return;
    const query = new URLSearchParams(slug ? { run: slug, at: seen } : { at: seen });
    stream = new EventSource(`${base}/events?${query}`);
    stream.addEventListener("points", () => refresh());
    stream.addEventListener("run", (event) => ((seen = event.lastEventId), takeRow(JSON.parse(event.data))));
    stream.addEventListener("rows", (event) => ((seen = event.lastEventId), later()));
    stream.addEventListener("gone", () => say("this run is not there any more"));
    stream.addEventListener("open", () => {
      if (lost) say("");
      lost = false;
    });
    stream.addEventListener("error", () => {
      lost = true;
      clearTimeout(quiet);
      say(`not connected, as of step ${last}`);
      if (stream?.readyState === EventSource.CLOSED) setTimeout(() => (close(), open()), AGAIN);
    });
  }

  function close() {
    stream?.close();
    stream = null;
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
})();
