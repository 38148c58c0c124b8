"use strict";
/**
 * The table of runs: sorted by its headings, filtered as one types, its states switched by chips, runs selected to be
 * compared. What a reader chose stands in the address: `#q=lr>1e-6&sort=keep:descending&off=plateau`.
 * The table is complete without this. Whoever changes its rows says so by the event `heldout:rows`.
 */
(() => {
  const { make, button, copy, download, state, keys, figures } = window.heldout;
  const OTHER = { ascending: "descending", descending: "ascending" };
  const TERM = /([^\s:<>"]+)([:<>])(?:"([^"]*)"|(\S+))|"([^"]+)"|\S+/g; // key:value, key>1, "words", word

  /** @param {Node} node */
  const textOf = (node) => (node.textContent ?? "").replace(/\s+/g, " ").trim();

  /** @param {HTMLTableCellElement} cell what it says, without the small print */
  const main = (cell) => [...cell.childNodes].filter((one) => one.nodeName !== "SMALL").map(textOf).join(" ").trim();

  /** @param {HTMLTableRowElement} row @returns {[string, string][]} */
  function settings(row) {
    const cell = row.cells[row.cells.length - 1], more = cell?.dataset.more?.split("\n") ?? []; // a key, its value, a key, …
    const seen = [...(cell?.querySelectorAll("span") ?? [])].map((span) => [textOf(span.firstElementChild ?? span), textOf(span)]);
    return [
      ...seen.map(([key, text]) => /** @type {[string, string]} */ ([key, text.slice(key.length).trim()])),
      ...more.flatMap((key, at) => (at % 2 ? [] : [/** @type {[string, string]} */ ([key, more[at + 1] ?? ""])])),
    ];
  }

  /** @param {HTMLElement} root */
  function enhance(root) {
    const table = /** @type {HTMLTableElement} */ (root.querySelector("table"));
    const heads = [...table.tHead.rows[0].cells];
    const chips = () => /** @type {HTMLButtonElement[]} */ ([...root.querySelectorAll(".chips button")]);
    const first = [...table.tBodies]; // as the server put them: the gravest first
    const column = Object.fromEntries(heads.map((head, index) => [head.dataset.key, index]));

    const find = make("input", { type: "search", name: "q", "aria-label": "filter the runs", placeholder: "words · state:plateau · lr>1e-6 · keep>70" });
    const said = make("output", { "aria-live": "polite" });
    const comparing = button("Compare", compare, { title: "Key c" });
    const copying = button("Copy as Markdown", () => copy(markdown(), copying));
    const saving = button("CSV", () => download("runs.csv", new Blob([csv()], { type: "text/csv" })));
    table.parentElement?.before(make("form", { class: "find", role: "search", submit: (/** @type {Event} */ event) => event.preventDefault() }, find, comparing, copying, saving, said));

    const runs = () => [...table.tBodies].flatMap((body) => [...body.rows]).filter((row) => !row.classList.contains("group"));
    const shown = () => runs().filter((row) => row.checkVisibility());
    const chosen = () => runs().filter((row) => row.querySelector("input")?.checked);

    // --- what is asked for -------------------------------------------------------------------------------------------
    /** @param {string} text @returns {{word?: string, key?: string, sign?: string, value?: string}[]} */
    const terms = (text) =>
      [...text.matchAll(TERM)].map(([word, key, sign, quoted, plain, words]) =>
        key ? { key: key.toLowerCase(), sign, value: (quoted ?? plain).toLowerCase() } : { word: (words ?? word).toLowerCase() },
      );

    /** What a row has under a key: several where settings of other names end in it. */
    const valuesOf = (row, key) => {
      if (key === "state") return [textOf(row.cells[0])];
      const cell = row.cells[column[key] ?? -1];
      if (cell && key !== "differs") return "v" in cell.dataset || key === "run" ? [main(cell)] : [];
      return settings(row).filter(([name]) => name.toLowerCase() === key || name.toLowerCase().split(/[/.]/).pop() === key).map((pair) => pair[1]);
    };

    const meets = (row, { word, key, sign, value }) => {
      if (word !== undefined) return textOf(row.cells[1]).toLowerCase().includes(word);
      const found = valuesOf(row, key);
      if (sign === ":") return found.some((one) => one.toLowerCase().includes(value) || (value !== "" && Number(one) === Number(value)));
      return found.some((one) => (sign === ">" ? parseFloat(one) > parseFloat(value) : parseFloat(one) < parseFloat(value)));
    };

    function filter() {
      const asked = terms(state.get("q"));
      const off = new Set(state.get("off").split(",").filter(Boolean));
      let count = 0;
      for (const body of table.tBodies) {
        const head = body.querySelector("tr.group");
        const open = !head || asked.length > 0 || body.dataset.open === "true";
        head?.querySelector("button")?.setAttribute("aria-expanded", String(open));
        let any = false;
        for (const row of body.rows) {
          if (row === head) continue;
          const fits = !off.has(row.dataset.state || "none") && asked.every((term) => meets(row, term));
          row.hidden = !fits || !open;
          any ||= fits;
          count += Number(fits);
        }
        body.hidden = !any;
      }
      const unknown = asked.find((term) => term.key && !runs().some((row) => valuesOf(row, term.key).length));
      return `${count} of ${runs().length} runs${unknown ? `; none has “${unknown.key}”` : ""}`;
    }

    // --- in which order ----------------------------------------------------------------------------------------------
    function sort() {
      const [key, way] = state.get("sort").split(":");
      const head = heads.find((one) => one.dataset.key === key);
      for (const one of heads) if (one.dataset.key) one.setAttribute("aria-sort", one === head && way in OTHER ? way : "none");
      const sign = way === "descending" ? -1 : 1;
      const valued = first.filter((body) => body.isConnected).map((body, index) => {
        const cell = head && body.rows[0].cells[head.cellIndex];
        return { body, index, value: !cell ? 0 : "v" in cell.dataset ? Number(cell.dataset.v) : main(cell).toLowerCase() };
      });
      const missing = (one) => one.value === "";
      valued.sort((a, b) =>
        missing(a) || missing(b)
          ? Number(missing(a)) - Number(missing(b)) || a.index - b.index
          : sign * (typeof a.value === "number" ? a.value - b.value : a.value.localeCompare(b.value, "en", { numeric: true })) || a.index - b.index,
      );
      table.append(...valued.map((one) => one.body));
      if (!head) return "";
      return `sorted by ${head.dataset.by ?? key}, ${way}`;
    }

    let sorted = "";
    function show() {
      if (find.value !== state.get("q")) find.value = state.get("q");
      const off = state.get("off").split(",");
      for (const chip of chips()) chip.disabled = false;
      for (const chip of chips()) chip.setAttribute("aria-pressed", String(!off.includes(chip.dataset.state || "none")));
      const order = state.get("sort") === sorted ? null : sort();
      if (order !== null) said.dataset.order = order;
      sorted = state.get("sort");
      said.textContent = [filter(), said.dataset.order].filter(Boolean).join(" · ");
    }

    // --- what a reader does ------------------------------------------------------------------------------------------
    function select() {
      comparing.textContent = `Compare ${chosen().length || ""}`.trim();
      comparing.toggleAttribute("disabled", chosen().length < 2);
    }

    function compare() {
      const picked = chosen();
      if (picked.length < 2) said.textContent = "Select two runs or more (x), then compare them (c).";
      else if (root.dataset.compare) location.assign(`${root.dataset.compare}?${new URLSearchParams(picked.map((row) => ["run", row.dataset.slug ?? ""]))}`);
      else {
        const sources = new Set(picked.map((row) => row.dataset.source));
        const all = runs().filter((row) => sources.has(row.dataset.source)).length;
        const command = ["heldout compare", root.dataset.flags, ...sources].filter(Boolean).join(" ");
        copy(command, comparing);
        const what = all > picked.length ? `Compares all ${all} runs of these logs, ${all - picked.length} of them not selected: ` : "To compare them: ";
        said.replaceChildren(what, make("code", {}, command));
      }
    }

    /** Every shown run as a row of texts, below the names of the columns. */
    const texts = () => [
      heads.flatMap((head) => (head.dataset.key ? [head.dataset.key, `${head.dataset.key}, more`] : [])),
      ...shown().map((row) =>
        heads.flatMap((head, index) => (head.dataset.key ? [main(row.cells[index]), [...row.cells[index].querySelectorAll("small")].map(textOf).join(" ")] : [])),
      ),
    ];

    function markdown() {
      const lines = texts().map((cells) => `| ${cells.map((cell) => cell.replace(/[\\`*_{}[\]<>#|~$]/g, "\\$&")).join(" | ")} |`);
      lines.splice(1, 0, `|${" --- |".repeat(texts()[0].length)}`);
      return lines.join("\n");
    }

    function csv() {
      // a cell that a spreadsheet would compute begins with an apostrophe
      const cell = (text) => `"${(/^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text).replace(/"/g, '""')}"`;
      return texts().map((cells) => cells.map(cell).join(",")).join("\r\n");
    }

    function move(by) {
      const rows = shown();
      const here = rows.findIndex((row) => row.contains(document.activeElement));
      const row = rows[Math.min(Math.max(here < 0 ? (by > 0 ? 0 : rows.length - 1) : here + by, 0), rows.length - 1)];
      /** @type {HTMLElement | null} */ (row?.querySelector("a") ?? row?.querySelector("input"))?.focus();
      row?.scrollIntoView({ block: "nearest" });
    }

    const KEYS = {
      j: () => move(1),
      k: () => move(-1),
      x: () => document.activeElement?.closest("tr")?.querySelector("input")?.click(),
      c: compare,
      "/": () => find.focus(),
    };

    /** Give rows their boxes and groups their buttons; rows that are new are sorted with the others. */
    function equip() {
      first.splice(0, first.length, ...first.filter((body) => body.isConnected));
      for (const body of table.tBodies) if (!first.includes(body)) first.push(body);
      for (const row of runs().filter((one) => !one.querySelector("input"))) row.cells[1].prepend(make("input", { type: "checkbox", "aria-label": `select ${textOf(row.cells[1].firstElementChild ?? row.cells[1])}` }), " ");
      for (const name of table.querySelectorAll("tr.group span.name")) {
        const opening = button(textOf(name), () => {
          const body = /** @type {HTMLElement} */ (opening.closest("tbody"));
          body.dataset.open = String(body.dataset.open !== "true");
          show();
        }, { class: "name" });
        name.replaceWith(opening);
      }
    }

    // --- where it is done --------------------------------------------------------------------------------------------
    for (const head of heads.filter((one) => one.dataset.key)) {
      head.append(make("button", { type: "button", title: head.dataset.by ? `sorts by ${head.dataset.by}` : null, click: () => {
        const now = head.getAttribute("aria-sort");
        state.set({ sort: `${head.dataset.key}:${OTHER[now] ?? head.dataset.first ?? "ascending"}` });
      } }, ...head.childNodes));
    }
    root.addEventListener("click", (event) => {
      const chip = /** @type {HTMLElement | null} */ (event.target instanceof Element ? event.target.closest(".chips button") : null);
      if (!chip) return;
      const off = new Set(state.get("off").split(",").filter(Boolean)), own = chip.dataset.state || "none";
      if (!off.delete(own)) off.add(own);
      state.set({ off: [...off].join(",") });
    });
    table.addEventListener("change", select);
    find.addEventListener("input", () => state.set({ q: find.value }));
    document.addEventListener("keydown", (event) => {
      const typing = event.target instanceof HTMLElement && event.target.matches("input:not([type=checkbox]), textarea, select");
      if (typing || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(KEYS, event.key) || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      KEYS[event.key]();
    });
    document.addEventListener("heldout:state", show);
    root.addEventListener("heldout:rows", () => {
      sorted = "\0"; // what was sorted may have changed
      equip();
      select();
      show();
    });
    if (!figures.all().length) keys.list.splice(0, keys.list.length - 1);
    keys.list.unshift(["j k", "next, previous run"], ["Enter", "open it"], ["x", "select it"], ["c", "compare the selected"], ["/", "filter"]);
    equip();
    select();
    show();
  }

  document.querySelectorAll("[data-table]").forEach(enhance);
})();
