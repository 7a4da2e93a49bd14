// Parameters to drag, with equity and metrics beside them.
import { h, Line, dataOf, frame, grid, hideTwin, dayOf, percent, decimal } from "./dom.js";
import { Plot } from "./plot.js";

const PIN_STYLES = [["two", [5, 3]], ["three", [2, 3]], ["four", [8, 3]], ["five", [8, 3, 2, 3]]];
const SEND_AGAIN_AFTER = 400; // ms: a newer setting does not wait longer for an older answer

function controlOf(about, changed) {
  const id = `osw-${Math.random().toString(36).slice(2)}`;
  const label = h("label", { for: id }, about.name);
  const help = about.help ? h("small", { id: `${id}-help` }, about.help) : null;
  const described = help ? `${id}-help` : undefined;
  let read;
  let row;
  if (about.kind === "flag") {
    const box = h("input", { id, type: "checkbox", checked: about.value, "aria-describedby": described, onchange: changed });
    read = () => box.checked;
    row = h("div", { class: "osw-row" }, box, label);
    return { node: h("div", {}, row, help), read, name: about.name };
  }
  if (about.kind === "text") {
    const box = h("input", { id, type: "text", value: about.value, "aria-describedby": described, onchange: changed });
    return { node: h("div", { class: "osw-field" }, label, box, help), read: () => box.value, name: about.name };
  }
  const bounds = { min: about.low, max: about.high, step: about.step };
  const slider = h("input", { id, type: "range", ...bounds, value: about.value, "aria-describedby": described });
  const number = h("input", { type: "number", "aria-label": `${about.name}, as a number`, step: about.whole ? 1 : "any", value: about.value });
  slider.addEventListener("input", () => { number.value = slider.value; changed(); });
  number.addEventListener("change", () => { slider.value = number.value; changed(); });
  read = () => (about.whole ? Math.round(Number(number.value)) : Number(number.value));
  return { node: h("div", { class: "osw-field" }, label, h("div", { class: "osw-row" }, slider, number), help), read, name: about.name };
}

function renderExplore({ model, el }) {
  const about = model.get("_about");
  const { body, onError } = frame(el, about.title);
  const line = new Line(model, onError);
  const data = dataOf(model);
  let now = { ...about.first, equity: data.equity, drawdown: data.drawdown };
  const pins = [];
  let flying = 0; // id of the newest request under way
  let sentAt = 0;
  let dirty = false;
  let timer = null;
  let shown = 0;

  const controls = about.controls.map((control) => controlOf(control, () => changed()));
  const params = () => Object.fromEntries(controls.map((control) => [control.name, control.read()]));
  const spelled = (value) => (typeof value === "boolean" ? (value ? "True" : "False") : String(value)); // as Python does
  const words = () => Object.entries(now.params || params()).map(([name, value]) => `${name}=${spelled(value)}`).join(", ");
  now.params = params();
  const status = h("div", { class: "osw-note", role: "status" });
  const table = h("div", {});
  const pinList = h("div", { class: "osw-bar", "aria-label": "Pinned variants", role: "group" });
  const readout = h("div", { class: "osw-readout" });
  const host = h("div", {});
  const describe = (place) => [dayOf(data.x[place]), ...lines().map((one) => `${one.name} ${decimal(one.y[place], 3)}`)].join(", ");
  const plot = new Plot(host, {
    label: about.title, height: 380, describe,
    on: { move: (place) => readout.replaceChildren(describe(place)), log: () => toggleLog() },
  });
  const logButton = h("button", { type: "button", "aria-pressed": "false", onclick: () => toggleLog() }, "Log scale");
  function toggleLog() {
    const on = logButton.getAttribute("aria-pressed") !== "true";
    logButton.setAttribute("aria-pressed", String(on));
    plot.setLog(on);
  }
  function lines() {
    const found = pins.map((pin) => ({ name: pin.name, y: pin.equity, colour: pin.style[0], dash: pin.style[1] }));
    if (now.equity) found.push({ name: "now", y: now.equity, colour: "one", width: 2 });
    return found;
  }
  function draw() {
    const log = logButton.getAttribute("aria-pressed") === "true";
    plot.setData(data.x, [
      { title: "Growth of 1", weight: 3, canLog: true, log, lines: lines() },
      { title: "Drawdown", weight: 1, zero: true, format: (value) => percent(value, 0), lines: now.drawdown ? [{ name: "drawdown", y: now.drawdown, colour: "three", fill: true }] : [] },
    ], { keepView: shown > 0 });
    shown += 1;
    const columns = [{ name: "metric", label: "Metric" }, ...pins.map((pin, place) => ({ name: `pin${place}`, label: pin.name, numeric: true })), { name: "value", label: "Now", numeric: true }];
    const rows = (now.rows || []).map((row, at) => {
      const made = { ...row };
      pins.forEach((pin, place) => (made[`pin${place}`] = pin.rows[at].value));
      return made;
    });
    const scrolled = table.firstChild ? table.firstChild.scrollLeft : 0;
    table.replaceChildren(grid("Metrics, net of costs", columns, rows));
    table.firstChild.scrollLeft = scrolled;
    pinList.replaceChildren(
      ...pins.map((pin, place) =>
        h("button", { type: "button", onclick: () => { pins.splice(place, 1); draw(); } }, `Unpin ${pin.name}`)),
    );
    pinButton.disabled = !now.equity || pins.length >= PIN_STYLES.length;
  }
  function changed() {
    dirty = true;
    send();
  }
  async function send() {
    if (!dirty) return;
    const wait = SEND_AGAIN_AFTER - (performance.now() - sentAt);
    if (flying && wait > 0) {
      // The kernel has a question already; the newest setting goes out with its answer, or after a while.
      if (!timer) timer = setTimeout(() => { timer = null; send(); }, wait);
      return;
    }
    dirty = false;
    const asked = params();
    sentAt = performance.now();
    const id = line.next;
    flying = id;
    const began = sentAt;
    const slow = setTimeout(() => { if (flying === id) { status.textContent = "Computing…"; host.classList.add("osw-busy"); } }, 250);
    const answer = await line.ask("run", { params: asked });
    clearTimeout(slow);
    if (answer.stale || answer.cancelled) return; // a newer answer is or will be shown
    flying = 0;
    host.classList.remove("osw-busy");
    const took = Math.round(performance.now() - began);
    host.dataset.took = took;
    if (answer.error) {
      status.textContent = "No result for this setting; the picture is of the last one that worked.";
    } else {
      now = { rows: answer.rows, equity: answer.arrays.equity, drawdown: answer.arrays.drawdown, params: asked };
      status.textContent = `${words()} (${took} ms)`;
      draw();
    }
    send();
  }
  const pinButton = h("button", {
    type: "button",
    onclick: () => {
      const free = PIN_STYLES.find((style) => !pins.some((pin) => pin.style === style));
      if (!now.equity || !free) return;
      pins.push({ name: words(), equity: now.equity, rows: now.rows, style: free });
      draw();
    },
  }, "Pin this variant");
  const used = h("output", {});
  const useButton = h("button", {
    type: "button",
    onclick: async () => {
      const answer = await line.ask("use", { params: params() });
      if (!answer.error) used.textContent = `Taken: .strategy of this widget has them; in a cell: ${answer.text}`;
    },
  }, "Use these parameters");
  body.append(
    h("div", { class: "osw-split" },
      h("div", {},
        h("fieldset", { class: "osw-controls" }, h("legend", {}, "Parameters"), ...controls.map((control) => control.node)),
        h("div", { class: "osw-bar", style: "margin-top:.7rem" }, pinButton, useButton, logButton), used, status, pinList),
      h("div", {}, readout, host, table)),
  );
  if (!controls.length) status.textContent = "The strategy has no parameters: assign a literal to a name once, at top level.";
  if (about.first.error) onError(about.first);
  draw();
  const showTwin = hideTwin(model);
  return () => {
    clearTimeout(timer);
    plot.close();
    line.close();
    showTwin();
  };
}

export default { render: renderExplore };
