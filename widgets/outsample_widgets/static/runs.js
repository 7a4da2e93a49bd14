// Recorded results: sort, filter, lay two or more over each other.
import { h, Line, frame, grid, hideTwin, dayOf, decimal } from "./dom.js";
import { Plot } from "./plot.js";
import { Sortable } from "./table.js";

const LOOKS = [["one"], ["three", [6, 3]], ["four", [2, 3]], ["five", [8, 3, 2, 3]], ["two", [4, 4]]];

function renderRuns({ model, el }) {
  const about = model.get("_about");
  const { body, onError } = frame(el, about.title);
  const line = new Line(model, onError);
  const compare = h("button", { type: "button", disabled: true, onclick: () => ask() }, "Compare selected");
  const table = new Sortable("Recorded results", about.columns, {
    by: "created", down: true, filters: [{ name: "dataset", label: "Dataset" }, { name: "level", label: "Level" }],
    actions: about.opens ? (row) => [h("button", { type: "button", "data-what": "open", disabled: row.saved !== "yes", "aria-label": `Open ${row.title}`, onclick: () => line.ask("open", { key: row.key }) }, "Open")] : null,
    select: (keys) => {
      compare.disabled = keys.length < 2 || keys.length > LOOKS.length;
      compare.textContent = keys.length ? `Compare selected (${keys.length})` : "Compare selected";
    },
  });
  table.setRows(about.rows);
  const place = h("div", { "aria-live": "polite" });
  let plot = null;
  async function ask() {
    compare.disabled = true;
    const answer = await line.ask("compare", { keys: [...table.chosen] });
    compare.disabled = false;
    if (answer.stale || answer.error) return;
    const { x } = answer.arrays;
    const lines = answer.names.map((name, at) => ({ name, y: answer.arrays[`y${at}`], colour: LOOKS[at][0], dash: LOOKS[at][1] }));
    const readout = h("div", { class: "osw-readout" });
    const host = h("div", {});
    const describe = (at) => [dayOf(x[at]), ...lines.map((one) => `${one.name} ${decimal(one.y[at], 3)}`)].join(", ");
    if (plot) plot.close();
    place.replaceChildren(
      h("h4", {}, answer.names.join(" against ")), readout, host,
      ...answer.sentences.map((text) => h("p", {}, text)),
      ...answer.tables.map((one) => grid(one.caption, one.columns, one.rows)));
    plot = new Plot(host, { label: "Growth of the selected results", height: 300, describe, on: { move: (at) => readout.replaceChildren(describe(at)) } });
    plot.setData(x, [{ title: "Growth of 1 from the first common bar", canLog: true, lines }]);
  }
  async function list() {
    const answer = await line.ask("list");
    if (!answer.stale && !answer.error) table.setRows(answer.rows);
  }
  const refresh = h("button", { type: "button", onclick: list }, "Refresh");
  const changed = (content) => { if (content.kind === "changed") list(); };
  model.on("msg:custom", changed);
  body.append(table.node, h("div", { class: "osw-bar" }, compare, refresh), place);
  const showTwin = hideTwin(model);
  return () => {
    if (plot) plot.close();
    model.off("msg:custom", changed);
    line.close();
    showTwin();
  };
}

export default { render: renderRuns };
