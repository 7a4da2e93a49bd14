// Elements, data and questions: what every widget's module begins with.

const ARRAYS = { f8: Float64Array, f4: Float32Array, i4: Int32Array, u1: Uint8Array };

const FOCUSABLE = new Set(["a", "button", "input", "select", "summary", "textarea"]);

/** Make an element: attributes, `onclick`-like listeners, children (text or nodes). */
export function h(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  // The notebook's own shortcuts (arrows, A, D D ...) must not act while a control has the focus.
  if (FOCUSABLE.has(tag) || node.hasAttribute("tabindex")) node.setAttribute("data-lm-suppress-shortcuts", "true");
  node.append(...children.filter((child) => child !== undefined && child !== null));
  return node;
}

/** Typed arrays of a block of bytes; views where the alignment allows it. */
export function unpack(view, layout) {
  const found = {};
  for (const [name, { kind, at, length }] of Object.entries(layout || {})) {
    const Kind = ARRAYS[kind];
    const start = view.byteOffset + at;
    const fits = start % Kind.BYTES_PER_ELEMENT === 0;
    found[name] = fits
      ? new Kind(view.buffer, start, length)
      : new Kind(view.buffer.slice(start, start + length * Kind.BYTES_PER_ELEMENT));
  }
  return found;
}

/** The arrays that came with the widget. */
export function dataOf(model) {
  const bytes = model.get("_data");
  if (!bytes || !bytes.byteLength) return {};
  return unpack(bytes, model.get("_layout"));
}

// Asked by a timer, not by a hand.
const UNASKED = new Set(["list"]);

/**
 * Questions to the kernel: a newer one of the same kind is never overtaken by an older answer.
 *
 * An error stays until something else that was asked by hand succeeds: the table that is fetched again every
 * second must not wipe away why a job could not be cancelled.
 */
export class Line {
  constructor(model, onError) {
    this.model = model;
    this.onError = onError;
    this.next = 1;
    this.waiting = new Map(); // id -> {kind, resolve}
    this.newest = new Map(); // kind -> id
    this.failed = null; // the kind of the question whose error is shown
    this.listener = (content, buffers) => this.receive(content, buffers);
    model.on("msg:custom", this.listener);
  }

  ask(kind, content = {}) {
    const id = this.next++;
    this.newest.set(kind, id);
    return new Promise((resolve) => {
      this.waiting.set(id, { kind, resolve });
      this.model.send({ ...content, kind, id });
    });
  }

  receive(content, buffers) {
    const asked = this.waiting.get(content.id);
    if (!asked) return;
    this.waiting.delete(content.id);
    const stale = this.newest.get(asked.kind) !== content.id;
    if (!stale) this.judge(asked.kind, content);
    const arrays = buffers && buffers.length && buffers[0].byteLength ? unpack(buffers[0], content.layout) : {};
    asked.resolve({ ...content, arrays, stale });
  }

  judge(kind, content) {
    const unasked = UNASKED.has(kind) && this.failed !== null && this.failed !== kind;
    if (unasked) return;
    this.failed = content.error ? kind : null;
    this.onError(content.error ? content : null);
  }

  close() {
    this.model.off("msg:custom", this.listener);
  }
}

/** Hide the static twin while the live widget stands; returns how to bring it back. */
export function hideTwin(model) {
  const uid = model.get("_uid");
  const hide = () => document.querySelectorAll(`.os-twin-${uid}`).forEach((node) => (node.style.display = "none"));
  hide();
  // The twin's output may be attached after the widget's.
  const timers = [50, 500, 2000].map((wait) => setTimeout(hide, wait));
  return () => {
    timers.forEach(clearTimeout);
    document.querySelectorAll(`.os-twin-${uid}`).forEach((node) => (node.style.display = ""));
  };
}

/** The frame of a widget: heading, place for errors, body. */
export function frame(el, title) {
  const alert = h("div", { class: "osw-alert", role: "alert", hidden: true });
  const body = h("div", { class: "osw-body" });
  const root = h("section", { class: "osw", "aria-label": title, }, h("h3", { class: "osw-title" }, title), alert, body);
  el.append(root);
  const onError = (problem) => {
    alert.hidden = !problem;
    alert.replaceChildren();
    if (problem) alert.append(h("strong", {}, problem.error), problem.hint ? h("p", {}, problem.hint) : "");
  };
  return { root, body, onError };
}

/** A table of text. Columns: {name, label, numeric}. */
export function grid(caption, columns, rows) {
  const cell = (column, row) => h("td", { class: column.numeric ? "osw-number" : undefined }, row[column.name] ?? "");
  return h(
    "div",
    { class: "osw-scroll", role: "region", "aria-label": caption, tabindex: "0" },
    h(
      "table",
      { class: "osw-table" },
      h("caption", {}, caption),
      h("thead", {}, h("tr", {}, ...columns.map((column) => h("th", { scope: "col", class: column.numeric ? "osw-number" : undefined }, column.label)))),
      h("tbody", {}, ...rows.map((row) => h("tr", {}, ...columns.map((column) => cell(column, row))))),
    ),
  );
}

/** A control with its label. */
export function labelled(text, control, help) {
  return h("label", { class: "osw-field" }, h("span", {}, text), control, help ? h("small", {}, help) : null);
}

export function dayOf(milliseconds) {
  return Number.isFinite(milliseconds) ? new Date(milliseconds).toISOString().slice(0, 10) : "–";
}

export function percent(value, places = 2) {
  return Number.isFinite(value) ? `${(100 * value).toFixed(places)} %` : "–";
}

export function decimal(value, places = 2) {
  return Number.isFinite(value)
    ? value.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places })
    : "–";
}
