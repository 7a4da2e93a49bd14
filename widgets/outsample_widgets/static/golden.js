// Golden results: what drifted, and accepting it with a reason.
import { h, Line, frame, grid, hideTwin, labelled } from "./dom.js";
import { Sortable } from "./table.js";

function renderGolden({ model, el }) {
  const about = model.get("_about");
  const { body, onError } = frame(el, about.title);
  const line = new Line(model, onError);
  const place = h("div", { "aria-live": "polite" });
  const table = new Sortable("Golden results", about.columns, {
    by: "name", down: false,
    actions: (row) => [
      h("button", { type: "button", "data-what": "check", "aria-label": `Check ${row.name}`, onclick: (event) => check(row, event.target) }, "Check"),
    ],
  });
  async function check(row, button) {
    button.disabled = true;
    place.replaceChildren(h("p", { class: "osw-note" }, `Running ${row.name} again from its pinned data…`));
    const answer = await line.ask("check", { name: row.name });
    button.disabled = false;
    if (answer.stale || answer.error) return place.replaceChildren();
    const parts = [h("h4", {}, `${row.name}: ${answer.outcome}`), ...answer.sentences.map((text) => h("p", {}, text))];
    parts.push(...answer.tables.map((one) => grid(one.caption, one.columns, one.rows)));
    if (answer.acceptable) {
      const reason = h("input", { type: "text", size: 50, oninput: () => (button.disabled = !reason.value.trim()) });
      const button = h("button", { type: "button", disabled: true, onclick: () => accept(row, reason.value) }, "Accept as the new golden");
      parts.push(h("div", { class: "osw-bar" }, labelled("Reason (required)", reason), button));
    }
    place.replaceChildren(...parts);
  }
  async function accept(row, reason) {
    const answer = await line.ask("accept", { name: row.name, reason });
    if (answer.stale || answer.error) return;
    table.setRows(answer.rows);
    place.replaceChildren(h("p", {}, answer.text));
  }
  table.setRows(about.rows);
  body.append(table.node, place);
  if (!about.rows.length) place.append(h("p", { class: "osw-note" }, about.empty));
  const showTwin = hideTwin(model);
  return () => {
    line.close();
    showTwin();
  };
}

export default { render: renderGolden };
