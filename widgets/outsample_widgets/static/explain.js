// One day of a backtest, name by name.
import { h, Line, dataOf, frame, grid, hideTwin, labelled, dayOf, decimal } from "./dom.js";
import { Plot } from "./plot.js";

function renderExplain({ model, el }) {
  const about = model.get("_about");
  const { body, onError } = frame(el, about.title);
  const line = new Line(model, onError);
  const data = dataOf(model);
  const place = h("div", { "aria-live": "polite" });
  const host = h("div", {});
  const every = h("input", { type: "checkbox", onchange: () => ask(shown) });
  const date = h("input", { type: "date", onchange: () => { const at = Date.parse(date.value); if (Number.isFinite(at)) ask(at); } });
  let shown = about.first.at;
  const describe = (at) => `${dayOf(data.x[at])}, growth ${decimal(data.equity[at], 3)}, ${data.names[at]} names held`;
  const readout = h("div", { class: "osw-readout" });
  const plot = new Plot(host, {
    label: about.title, height: 240, describe,
    on: { move: (at) => readout.replaceChildren(describe(at)), click: (at) => ask(data.x[at]) },
  });
  function show(answer) {
    shown = answer.at;
    date.value = dayOf(answer.at);
    place.replaceChildren(
      ...answer.sentences.map((text) => h("p", { class: "osw-note", style: "margin:.15rem 0" }, text)),
      grid(answer.caption, answer.columns, answer.rows),
    );
    const at = plot.placeOf(answer.at);
    plot.select([data.x[Math.max(at - 0, 0)] - 1, data.x[at] + 1], false);
  }
  async function ask(at) {
    const answer = await line.ask("day", { at, every: every.checked });
    if (!answer.stale && !answer.error) show(answer);
  }
  const step = (by) => {
    const at = Math.min(Math.max(plot.placeOf(shown) + by, 0), data.x.length - 1);
    ask(data.x[at]);
  };
  body.append(
    h("div", { class: "osw-bar" },
      h("button", { type: "button", onclick: () => step(-1) }, "Day before"),
      labelled("Day", date),
      h("button", { type: "button", onclick: () => step(1) }, "Day after"),
      h("label", { class: "osw-field osw-check" }, every, "All names")),
    readout, host, place,
  );
  plot.setData(data.x, [
    { title: "Growth of 1 (click a day)", weight: 2, lines: [{ name: "strategy", y: data.equity, colour: "one" }] },
    { title: "Names held", weight: 1, zero: true, lines: [{ name: "names", y: data.names, colour: "five" }] },
  ]);
  show(about.first);
  const showTwin = hideTwin(model);
  return () => {
    plot.close();
    line.close();
    showTwin();
  };
}

export default { render: renderExplain };
