// Percentiles of resampled equity, and the distribution of each statistic.
import { h, dataOf, frame, grid, hideTwin, dayOf, percent, decimal } from "./dom.js";
import { Plot } from "./plot.js";
import { svg } from "./svg.js";

function histogram(one, counts, edges) {
  const [wide, tall, foot] = [420, 170, 24];
  const low = edges[0], high = edges[edges.length - 1];
  const most = Math.max(...counts, 1);
  const place = (value) => ((value - low) / (high - low || 1)) * wide;
  const text = (value) => (one.percent ? percent(value, 0) : decimal(value, 2));
  const parts = [];
  for (let k = 0; k < counts.length; k++) {
    const size = (counts[k] / most) * (tall - 8);
    parts.push(svg("rect", { x: place(edges[k]) + 0.5, y: tall - size, width: Math.max(place(edges[k + 1]) - place(edges[k]) - 1, 0.5), height: size, style: "fill:var(--osw-five)" }));
  }
  const [actual, from, to] = one.values;
  for (const [value, dash] of [[from, "4 3"], [to, "4 3"], [actual, ""]]) {
    if (value === null || value < low || value > high) continue;
    const at = place(value);
    parts.push(svg("line", { x1: at, x2: at, y1: 0, y2: tall, "stroke-dasharray": dash, style: `stroke:var(${dash ? "--osw-text" : "--osw-one"});stroke-width:${dash ? 1 : 2.5}` }));
  }
  for (const share of [0, 0.5, 1]) {
    const value = low + share * (high - low);
    parts.push(svg("text", { x: place(value), y: tall + 16, "text-anchor": ["start", "middle", "end"][share * 2] }, text(value)));
  }
  const words = `${one.label}: actual ${one.actual}, interval ${one.low} to ${one.high}; ${one.share} of the paths are at or below the actual value`;
  return h("figure", { style: "margin:.5rem 0" },
    h("figcaption", {}, words),
    svg("svg", { viewBox: `0 0 ${wide} ${tall + foot}`, role: "img", "aria-label": words, style: "max-width:34rem" }, ...parts));
}

function renderFan({ model, el }) {
  const about = model.get("_about");
  const { body } = frame(el, about.title);
  const data = dataOf(model);
  const readout = h("div", { class: "osw-readout" });
  const host = h("div", {});
  const label = (value) => (about.dated ? dayOf(value) : `bar ${value}`);
  const describe = (at) => `${label(data.x[at])}: actual ${decimal(data.actual[at], 3)}, median ${decimal(data.p50[at], 3)}, 5 % ${decimal(data.p5[at], 3)}, 95 % ${decimal(data.p95[at], 3)}`;
  const logButton = h("button", { type: "button", "aria-pressed": "false", onclick: () => toggleLog() }, "Log scale");
  const plot = new Plot(host, {
    label: about.title, height: 320, describe, numeric: !about.dated,
    on: { move: (at) => readout.replaceChildren(describe(at)), log: () => toggleLog() },
  });
  function toggleLog() {
    const on = logButton.getAttribute("aria-pressed") !== "true";
    logButton.setAttribute("aria-pressed", String(on));
    plot.setLog(on);
  }
  plot.setData(data.x, [{
    title: "Growth of 1; bands 5 to 95 % and 25 to 75 %", canLog: true,
    bands: [{ low: data.p5, high: data.p95, colour: "five", alpha: 0.2 }, { low: data.p25, high: data.p75, colour: "five", alpha: 0.3 }],
    lines: [{ name: "median", y: data.p50, colour: "five", dash: [5, 3] }, { name: "actual", y: data.actual, colour: "one", width: 2 }],
  }]);
  const chosen = h("div", { "aria-live": "polite" });
  const pick = h("select", { "aria-label": "Statistic", onchange: () => show() },
    ...about.statistics.map((one, place) => h("option", { value: place }, one.label)));
  function show() {
    const one = about.statistics[Number(pick.value)];
    chosen.replaceChildren(histogram(one, data[`${one.name}.counts`], data[`${one.name}.edges`]));
  }
  show();
  const columns = [["label", "Statistic"], ["actual", "Actual"], ["low", `${percent(about.level, 0)} from`], ["high", "to"], ["share", "Paths at or below"], ["method", "Interval"]];
  body.append(
    h("div", { class: "osw-bar" }, logButton), readout, host,
    h("div", { class: "osw-aside" },
      h("div", {}, h("h4", {}, "Distribution"), pick, chosen),
      grid("Statistics", columns.map(([name, text], place) => ({ name, label: text, numeric: place > 0 && place < 5 })), about.statistics)),
  );
  const showTwin = hideTwin(model);
  return () => {
    plot.close();
    showTwin();
  };
}

export default { render: renderFan };
