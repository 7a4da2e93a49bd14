// One backtest: equity, drawdown, exposure, a price with its trades.
import { h, Line, dataOf, frame, grid, hideTwin, labelled, dayOf, percent, decimal } from "./dom.js";
import { Plot } from "./plot.js";

function chartPanels(about, data, price) {
  const growth = [{ name: "strategy", y: data.equity, colour: "one" }];
  if (data.benchmark) growth.push({ name: about.benchmark, y: data.benchmark, colour: "two", dash: [5, 3] });
  const share = (value) => percent(value, Math.abs(value) < 0.1 && value !== 0 ? 1 : 0);
  const panels = [
    { title: "Growth of 1", weight: 4, lines: growth, canLog: true },
    { title: "Drawdown", weight: 1.6, zero: true, format: share, lines: [{ name: "drawdown", y: data.drawdown, colour: "three", fill: true }] },
    { title: "Gross exposure", weight: 1.3, zero: true, format: share, lines: [{ name: "gross exposure", y: data.exposure, colour: "five" }] },
  ];
  if (price && price.close) {
    const marks = [];
    for (let k = 0; k < price.entry_x.length; k++) marks.push({ x: price.entry_x[k], y: price.entry_y[k], up: true });
    for (let k = 0; k < price.exit_x.length; k++) marks.push({ x: price.exit_x[k], y: price.exit_y[k], up: false });
    panels.push({
      title: `Price of ${price.symbol}, ${price.entry_x.length} trades (up: bought, down: sold)`,
      weight: 2.6, canLog: true, marks, lines: [{ name: price.symbol, y: price.close, colour: "four" }],
    });
  }
  return panels;
}

function renderChart({ model, el }) {
  const about = model.get("_about");
  const { body, onError } = frame(el, about.title);
  const line = new Line(model, onError);
  const data = dataOf(model);
  let price = { ...data, symbol: about.symbol };
  const readout = h("div", { class: "osw-readout" });
  const ranged = h("div", {});
  const host = h("div", {});
  const words = (place) => {
    const parts = [dayOf(data.x[place]), `growth ${decimal(data.equity[place], 3)}`];
    if (data.benchmark) parts.push(`${about.benchmark} ${decimal(data.benchmark[place], 3)}`);
    parts.push(`drawdown ${percent(data.drawdown[place])}`, `exposure ${percent(data.exposure[place], 0)}`);
    if (price.close) parts.push(`${price.symbol} ${decimal(price.close[place])}`);
    return parts;
  };
  const first = h("input", { type: "date", onchange: () => fromDates() });
  const last = h("input", { type: "date", onchange: () => fromDates() });
  const logButton = h("button", { type: "button", "aria-pressed": "false", onclick: () => toggleLog() }, "Log scale");
  const selectButton = h("button", { type: "button", "aria-pressed": "false", onclick: () => toggleSelect() }, "Select range");
  const plot = new Plot(host, {
    label: about.title, height: 520,
    describe: (place) => words(place).join(", "),
    on: {
      move: (place) => readout.replaceChildren(...words(place).map((text) => h("span", {}, text))),
      select: (range) => ask(range),
      log: () => toggleLog(),
    },
  });
  function toggleLog() {
    const on = logButton.getAttribute("aria-pressed") !== "true";
    logButton.setAttribute("aria-pressed", String(on));
    plot.setLog(on);
  }
  function toggleSelect() {
    plot.mode = plot.mode === "select" ? "pan" : "select";
    selectButton.setAttribute("aria-pressed", String(plot.mode === "select"));
  }
  function fromDates() {
    const range = [Date.parse(first.value), Date.parse(last.value)];
    if (range.every(Number.isFinite)) plot.select(range);
  }
  async function ask(range) {
    first.value = range ? dayOf(range[0]) : "";
    last.value = range ? dayOf(range[1]) : "";
    if (!range) {
      onError(null); // what was wrong with a range is over with it
      return ranged.replaceChildren();
    }
    const answer = await line.ask("range", { from: range[0], to: range[1] });
    if (answer.stale || answer.error) return;
    ranged.replaceChildren(grid(answer.caption, answer.columns, answer.rows));
  }
  async function another(symbol) {
    const answer = await line.ask("price", { symbol });
    if (answer.stale || answer.error) return;
    price = { ...answer.arrays, symbol };
    show(true);
    if (plot.cursor !== null) plot.setCursor(plot.cursor, false); // the line of values names the new symbol
  }
  function show(keepView) {
    const log = logButton.getAttribute("aria-pressed") === "true";
    const panels = chartPanels(about, data, price);
    for (const panel of panels) if (panel.canLog) panel.log = log;
    plot.setData(data.x, panels, { keepView });
  }
  const symbols = h(
    "select", { onchange: (event) => another(event.target.value) },
    ...about.symbols.map((name) => h("option", { value: name, selected: name === about.symbol }, name)),
  );
  body.append(
    h(
      "div", { class: "osw-bar" },
      h("button", { type: "button", onclick: () => plot.zoom(0.6) }, "Zoom in"),
      h("button", { type: "button", onclick: () => plot.zoom(1 / 0.6) }, "Zoom out"),
      h("button", { type: "button", onclick: () => plot.reset() }, "Show all"),
      logButton, selectButton,
      about.symbols.length ? labelled("Price of", symbols) : null,
      labelled("Range from", first), labelled("to", last),
      h("button", { type: "button", onclick: () => plot.select(null) }, "Clear range"),
    ),
    readout, host, ranged,
  );
  if (about.log) logButton.setAttribute("aria-pressed", "true");
  show(false);
  const showTwin = hideTwin(model);
  return () => {
    plot.close();
    line.close();
    showTwin();
  };
}

export default { render: renderChart };
