// A table that sorts, filters and selects.
import { h, labelled } from "./dom.js";

/**
 * columns: [{name, label, numeric, sort}], rows: [{key, ..., and `sort` values under `${name}_`}].
 * options: {select: callback(keys), actions: (row) => nodes, filters: [{name, label}]}
 */
export class Sortable {
  constructor(caption, columns, options = {}) {
    this.columns = columns;
    this.options = options;
    this.rows = [];
    this.chosen = new Set();
    this.by = options.by || null;
    this.down = options.down ?? true;
    this.search = h("input", { type: "search", oninput: () => this.draw() });
    this.picks = (options.filters || []).map(({ name, label }) => {
      const node = h("select", { onchange: () => this.draw() }, h("option", { value: "" }, "all"));
      return { name, label, node };
    });
    this.count = h("span", { class: "osw-note", role: "status" });
    this.heads = columns.map((column) => {
      const button = h("button", { type: "button", onclick: () => this.sortBy(column.name) }, column.label, " ", h("span", { "aria-hidden": "true" }));
      return h("th", { scope: "col", class: column.numeric ? "osw-number" : undefined, "aria-sort": "none" }, column.plain ? column.label : button);
    });
    const extra = [];
    if (options.select) extra.push(h("th", { scope: "col" }, h("span", { class: "osw-hidden" }, "Select")));
    const last = options.actions ? [h("th", { scope: "col", class: "osw-actions" }, "Actions")] : [];
    this.body = h("tbody", {});
    this.node = h("div", {},
      h("div", { class: "osw-bar" }, labelled("Filter", this.search), ...this.picks.map(({ label, node }) => labelled(label, node)), this.count),
      h("div", { class: "osw-scroll", role: "region", tabindex: "0", "aria-label": caption },
        h("table", { class: "osw-table" }, h("caption", { class: "osw-hidden" }, caption), h("thead", {}, h("tr", {}, ...extra, ...this.heads, ...last)), this.body)));
  }

  setRows(rows) {
    const focus = this.focused();
    this.rows = rows;
    for (const { name, node } of this.picks) {
      const values = [...new Set(rows.map((row) => row[name]))].sort();
      const before = node.value;
      node.replaceChildren(h("option", { value: "" }, "all"), ...values.map((value) => h("option", { value }, value)));
      node.value = values.includes(before) ? before : "";
    }
    const there = new Set(rows.map((row) => row.key));
    for (const key of this.chosen) if (!there.has(key)) this.chosen.delete(key);
    this.draw();
    this.refocus(focus);
  }

  // A table that is redrawn under the fingers keeps the focus where it was.
  focused() {
    const node = this.body.contains(document.activeElement) ? document.activeElement : null;
    return node && [node.closest("tr").dataset.key, node.dataset.what];
  }

  refocus(focus) {
    if (!focus) return;
    const row = [...this.body.rows].find((one) => one.dataset.key === focus[0]);
    const node = row && [...row.querySelectorAll("[data-what]")].find((one) => one.dataset.what === focus[1]);
    if (node) node.focus();
  }

  sortBy(name) {
    this.down = this.by === name ? !this.down : true;
    this.by = name;
    this.draw();
  }

  shown() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const text = (row) => this.columns.map((column) => row[column.name]).join(" ").toLowerCase();
    let found = this.rows.filter((row) => this.picks.every(({ name, node }) => !node.value || row[name] === node.value));
    if (words.length) found = found.filter((row) => words.every((word) => text(row).includes(word)));
    if (this.by) {
      const value = (row) => row[`${this.by}_`] ?? row[this.by];
      const missing = (one) => one === null || one === undefined || one === "";
      found = [...found].sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        if (missing(x) || missing(y)) return missing(x) - missing(y);
        const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
        return this.down ? -order : order;
      });
    }
    return found;
  }

  draw() {
    const found = this.shown();
    this.columns.forEach((column, place) => {
      const on = this.by === column.name;
      this.heads[place].setAttribute("aria-sort", on ? (this.down ? "descending" : "ascending") : "none");
      const arrow = this.heads[place].querySelector("span");
      if (arrow) arrow.textContent = on ? (this.down ? "▼" : "▲") : "";
    });
    this.count.textContent = `${found.length} of ${this.rows.length}`;
    this.body.replaceChildren(...found.map((row) => this.line(row)));
  }

  line(row) {
    const cells = this.columns.map((column) =>
      h("td", { class: column.numeric ? "osw-number" : column.wide ? "osw-wide" : undefined }, row[column.name] instanceof Node ? row[column.name] : (row[column.name] ?? "")));
    const parts = [];
    if (this.options.select) {
      const box = h("input", { type: "checkbox", "aria-label": `Select ${row.title || row.key}`, "data-what": "select", checked: this.chosen.has(row.key) });
      box.addEventListener("change", () => {
        if (box.checked) this.chosen.add(row.key);
        else this.chosen.delete(row.key);
        box.closest("tr").setAttribute("aria-selected", String(box.checked));
        this.options.select([...this.chosen]);
      });
      parts.push(h("td", {}, box));
    }
    parts.push(...cells);
    if (this.options.actions) parts.push(h("td", { class: "osw-actions" }, ...this.options.actions(row)));
    return h("tr", { "data-key": row.key, "aria-selected": this.options.select ? String(this.chosen.has(row.key)) : undefined }, ...parts);
  }
}
