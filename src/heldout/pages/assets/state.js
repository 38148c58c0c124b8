"use strict";
/**
 * What a reader chose, in the fragment of the address: `#findings&x=80-130&step=110&hide=reward:left`.
 * A copied address shows the same view. Everything that a page remembers goes through here.
 */
(() => {
  const heldout = (window.heldout ??= /** @type {any} */ ({}));
  const REST = 150; // ms; browsers refuse addresses that change oftener than some hundred times a minute

  /** @type {Map<string, string>} */
  let values = new Map();
  let anchor = "";
  let timer = 0;

  /** @param {string} text */
  const decoded = (text) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };

  /** @param {string} hash */
  function read(hash) {
    const pieces = hash.replace(/^#/, "").split("&").filter(Boolean);
    const pairs = pieces.filter((piece) => piece.includes("="));
    anchor = decoded(pieces.find((piece) => !piece.includes("=")) ?? "");
    if (!pairs.length && anchor) return; // a link inside the page: the view stays
    values = new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), decoded(pair.slice(pair.indexOf("=") + 1))]));
  }

  const fragment = () => {
    const plain = (/** @type {string} */ text) => encodeURIComponent(text).replace(/%(2C|3A|2F)/g, decodeURIComponent);
    const pairs = [...values].map(([key, value]) => `${key}=${plain(value)}`);
    return "#" + [...(anchor ? [encodeURIComponent(anchor)] : []), ...pairs].join("&");
  };

  function write() {
    timer = 0;
    try {
      history.replaceState(history.state, "", fragment() === "#" ? location.pathname + location.search : fragment());
    } catch {
      // a frame without an address of its own: the view is kept, not linkable
    }
  }

  const tell = () => document.dispatchEvent(new CustomEvent("heldout:state"));

  heldout.state = {
    /** @param {string} key @returns {string} what was chosen, or nothing */
    get: (key) => values.get(key) ?? "",
    /** Choose; an empty value forgets the key. @param {Record<string, string>} chosen */
    set(chosen) {
      for (const [key, value] of Object.entries(chosen)) {
        if (value) values.set(key, value);
        else values.delete(key);
      }
      timer ||= window.setTimeout(write, REST);
      tell();
    },
    /** The address of the view as it is now. */
    link: () => location.href.split("#")[0] + (fragment() === "#" ? "" : fragment()),
  };

  read(location.hash);
  if (values.size && anchor) document.getElementById(anchor)?.scrollIntoView();
  addEventListener("hashchange", () => {
    read(location.hash);
    tell();
  });
})();
