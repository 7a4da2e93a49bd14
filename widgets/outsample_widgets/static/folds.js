// Windows of a walk-forward: time line, in against out of sample, heat maps.
import { h, Line, dataOf, frame, grid, hideTwin, dayOf, decimal } from "./dom.js";
import { Plot } from "./plot.js";
import { svg } from "./svg.js";

function timeline(windows, choose) {
  const wide = 1000;
  const tall = 16;
  const first = Math.min(...windows.map((one) => one.train_start));
  const last = Math.max(...windows.map((one) => one.test_end));
  const place = (at) => 4 + ((at - first) / (last - first || 1)) * (wide - 8);
  const bars = windows.map((one, number) => {
    const words = `Window ${number + 1}: trained ${dayOf(one.train_start)} to ${dayOf(one.train_end)}, tested ${dayOf(one.test_start)} to ${dayOf(one.test_end)}, chose ${one.chosen}`;
    const y = number * (tall + 4) + 2;
    const node = svg("g", { tabindex: 0, role: "button", "aria-label": words, "aria-pressed": "false", style: "cursor:pointer",
      onclick: () => choose(number),
      onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); event.stopPropagation(); choose(number); } } },
      svg("title", {}, words),
      svg("rect", { x: place(one.train_start), y, width: Math.max(place(one.train_end) - place(one.train_start), 1), height: tall, style: "fill:var(--osw-two);opacity:.6" }),
      svg("rect", { x: place(one.test_start), y, width: Math.max(place(one.test_end) - place(one.test_start), 1), height: tall, style: "fill:var(--osw-one)" }),
      svg("rect", { class: "osw-mark", x: place(one.train_start) - 2, y: y - 2, width: place(one.test_end) - place(one.train_start) + 4, height: tall + 4, style: "fill:none;stroke:var(--osw-text);stroke-width:0" }));
    return node;
  });
  const high = windows.length * (tall + 4) + 2;
  const picture = svg("svg", { viewBox: `0 0 ${wide} ${high}`, role: "group", "aria-label": "Windows: grey trained, blue tested" }, ...bars);
  // Not in the picture, whose text would shrink with it.
  const ends = h("div", { class: "osw-ends" }, h("span", {}, dayOf(first)), h("span", {}, dayOf(last)));
  return { node: h("div", {}, picture, ends), bars };
}

function scatter(windows) {
  const size = 260;
  const known = windows.map((one, number) => ({ ...one, number })).filter((one) => one.inside !== null && one.outside !== null);
  const values = known.flatMap((one) => [one.inside, one.outside]).concat([0]);
  const low = Math.min(...values) - 0.3, high = Math.max(...values) + 0.3;
  const place = (value) => ((value - low) / (high - low)) * size;
  const line = (x1, y1, x2, y2, dash) => svg("line", { x1, y1, x2, y2, "stroke-dasharray": dash, style: "stroke:var(--osw-border)" });
  const dots = known.map((one) => [
    svg("circle", { cx: place(one.inside), cy: size - place(one.outside), r: 5, style: "fill:var(--osw-one)" }, svg("title", {}, `Window ${one.number + 1}: ${decimal(one.inside)} in, ${decimal(one.outside)} out`)),
    svg("text", { x: place(one.inside) + 7, y: size - place(one.outside) + 4 }, String(one.number + 1)),
  ]).flat();
  const below = known.filter((one) => one.outside < one.inside).length;
  const words = `Sharpe ratio in sample (across) against out of sample (up); ${below} of ${known.length} windows lie below the diagonal`;
  return h("figure", { style: "margin:0" }, h("figcaption", {}, words),
    svg("svg", { viewBox: `-30 -6 ${size + 60} ${size + 30}`, role: "img", "aria-label": words, style: "max-width:24rem" },
      line(0, size, size, 0, "4 3"), line(0, size - place(0), size, size - place(0), ""), line(place(0), 0, place(0), size, ""),
      ...dots,
      svg("text", { x: 0, y: size + 16 }, decimal(low, 1)), svg("text", { x: size, y: size + 16, "text-anchor": "end" }, decimal(high, 1)),
      svg("text", { x: size / 2, y: size + 16, "text-anchor": "middle" }, "in sample"),
      svg("text", { x: -8, y: size / 2, "text-anchor": "middle", transform: `rotate(-90 -8 ${size / 2})` }, "out of sample")));
}

function heat(caption, answer, values) {
  const finite = Array.from(values).filter(Number.isFinite);
  const low = Math.min(...finite), high = Math.max(...finite);
  const n = answer.columns.length;
  const cell = (row, column) => {
    const value = values[row * n + column];
    const share = Number.isFinite(value) && high > low ? (value - low) / (high - low) : 0;
    const chosen = answer.chosen && answer.chosen[0] === row && answer.chosen[1] === column;
    return h("td", { class: "osw-number", style: `background:color-mix(in srgb, var(--osw-one) ${Math.round(share * 45)}%, var(--osw-back));${chosen ? "outline:2px solid var(--osw-text);outline-offset:-2px;font-weight:700" : ""}` },
      decimal(value), chosen ? h("span", { class: "osw-hidden" }, " (chosen)") : null);
  };
  return h("div", { class: "osw-scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", { class: "osw-table" }, h("caption", {}, caption),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, answer.names.filter(Boolean).join(" ╲ ")), ...answer.columns.map((name) => h("th", { scope: "col", class: "osw-number" }, name)))),
      h("tbody", {}, ...answer.rows.map((name, row) => h("tr", {}, h("th", { scope: "row" }, name), ...answer.columns.map((_, column) => cell(row, column)))))));
}

function renderFolds({ model, el }) {
  const about = model.get("_about");
  const { body, onError } = frame(el, about.title);
  const line = new Line(model, onError);
  const data = dataOf(model);
  const host = h("div", {});
  const maps = h("div", { "aria-live": "polite" });
  const describe = (at) => `${dayOf(data.x[at])}, growth ${decimal(data.equity[at], 3)}`;
  const readout = h("div", { class: "osw-readout" });
  const plot = new Plot(host, {
    label: "Stitched out-of-sample equity", height: 220, describe,
    on: {
      move: (at) => readout.replaceChildren(describe(at)),
      click: (at) => { const place = about.windows.findIndex((one) => data.x[at] >= one.test_start && data.x[at] <= one.test_end); if (place >= 0) choose(place); },
    },
  });
  plot.setData(data.x, [{ title: "Growth of 1, out of sample, stitched", canLog: true, lines: [{ name: "out of sample", y: data.equity, colour: "one" }] }]);
  const line_ = timeline(about.windows, (place) => choose(place));
  async function choose(place) {
    const one = about.windows[place];
    line_.bars.forEach((bar, at) => {
      bar.setAttribute("aria-pressed", String(at === place));
      bar.querySelector(".osw-mark").style.strokeWidth = at === place ? 2 : 0;
    });
    plot.select([one.test_start, one.test_end], false);
    const answer = await line.ask("window", { place });
    if (answer.stale || answer.error) return;
    maps.replaceChildren(
      h("h4", {}, `Window ${place + 1}: chose ${one.chosen} by ${about.objective}`),
      h("div", { class: "osw-halves" }, heat("In sample (training)", answer, answer.arrays.inside), heat("Out of sample (what came next)", answer, answer.arrays.outside)));
  }
  const columns = [["window", "Window"], ["test", "Test"], ["chosen", "Chosen"], ["t0", "Sharpe in"], ["t1", "out"], ["t2", "CAGR out"], ["t3", "Drawdown out"]];
  const rows = about.windows.map((one, place) => ({ window: String(place + 1), test: `${dayOf(one.test_start)} to ${dayOf(one.test_end)}`, chosen: one.chosen, t0: one.texts[0], t1: one.texts[1], t2: one.texts[2], t3: one.texts[3] }));
  body.append(
    h("p", { class: "osw-note" }, `Out of sample: Sharpe ratio ${about.sharpe}, efficiency ${about.efficiency}.`),
    readout, host, h("h4", {}, "Windows (grey: trained, blue: tested; choose one)"), line_.node, maps,
    h("div", { class: "osw-aside osw-thin" }, scatter(about.windows), grid("Windows", columns.map(([name, label], place) => ({ name, label, numeric: place > 2 })), rows)),
  );
  if (about.windows.length) choose(about.windows.length - 1);
  const showTwin = hideTwin(model);
  return () => {
    plot.close();
    line.close();
    showTwin();
  };
}

export default { render: renderFolds };
