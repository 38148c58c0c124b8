"use strict";
/**
 * What goes on, while one looks: the page of a run takes new points and a new verdict, the table of runs new rows.
 *
 * One stream a tab, closed while the tab is hidden; what was missed meanwhile is fetched when it is seen again.
 */
(() => {
  const heldout = (window.heldout ??= /** @type {any} */ ({}));
  const AGAIN = 2000; // ms
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
      chip.textContent = `${chip.dataset.missed} new steps →`;
    }
    last = now.last;
    if (told) told.textContent = `● live, step ${last}`;
    verdict(now);
  }

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
    if (!answer?.ok) return;
    const page = parsed(await answer.text());
    const rows = /** @type {HTMLTableRowElement[]} */ ([...page.querySelectorAll("[data-table] tr[data-slug]")]);
    const here = table?.querySelector("table");
    for (const row of rows) {
      const old = rowOf(row.dataset.slug ?? "");
      if (old) put(old, row);
      else here?.append(row.closest("tbody") ?? row);
    }
    const known = new Set(rows.map((row) => row.dataset.slug));
    for (const old of table?.querySelectorAll("tr[data-slug]") ?? []) if (!known.has(/** @type {HTMLElement} */ (old).dataset.slug)) (old.closest("tbody") ?? old).remove();
    for (const part of ["#told", "#refused-list", "[data-table] .chips"]) {
      const [old, now] = [document.querySelector(part), page.querySelector(part)];
      if (old && now && old.textContent !== now.textContent) old.replaceChildren(...now.childNodes);
    }
    table?.dispatchEvent(new CustomEvent("heldout:rows"));
  }

  // --- the stream ------------------------------------------------------------------------------------------------------
  /** @type {EventSource | null} */
  let stream = null;

  function open() {
    if (stream || document.hidden) return;
    const query = new URLSearchParams(slug ? { run: slug, at: seen } : { at: seen });
    stream = new EventSource(`${base}/events?${query}`);
    stream.addEventListener("points", () => refresh());
    stream.addEventListener("run", (event) => ((seen = event.lastEventId), takeRow(JSON.parse(event.data))));
    stream.addEventListener("rows", (event) => ((seen = event.lastEventId), later()));
    stream.addEventListener("gone", () => told && (told.textContent = "this run is not there any more"));
    stream.addEventListener("error", () => {
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
