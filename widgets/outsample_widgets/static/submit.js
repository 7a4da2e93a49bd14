// A form that sends a strategy as a job: findings before sending, parameters as fields.
import { h, Line, frame, hideTwin, labelled } from "./dom.js";

function renderSubmit({ model, el }) {
  const about = model.get("_about");
  const { body, onError } = frame(el, about.title);
  const line = new Line(model, onError);
  const options = (values, chosen) => values.map((value) => h("option", { value, selected: value === chosen }, value));
  const source = h("textarea", { rows: 10, spellcheck: "false", oninput: () => later() }, about.example);
  const name = h("input", { type: "text", value: "my strategy", maxlength: 120 });
  const file = h("input", {
    type: "file", accept: ".py",
    onchange: async () => {
      const [chosen] = file.files;
      if (!chosen) return;
      source.value = await chosen.text();
      name.value = chosen.name.replace(/\.py$/, "");
      check();
    },
  });
  const stored = h("select", {
    onchange: async () => {
      if (!stored.value) return;
      const answer = await line.ask("stored", { key: stored.value });
      if (answer.stale || answer.error) return;
      source.value = answer.source;
      name.value = answer.name;
      check();
    },
  }, h("option", { value: "" }, "none"), ...about.stored.map(({ key, title }) => h("option", { value: key }, title)));
  const findings = h("div", { "aria-live": "polite" });
  const params = h("fieldset", { class: "osw-controls" });
  const known = h("datalist", { id: `osw-data-${Math.random().toString(36).slice(2)}` }, ...options(about.datasets));
  const fields = {
    data: h("input", { type: "text", value: about.datasets[0] || "sample", list: known.id, size: 28 }),
    start: h("input", { type: "date" }),
    end: h("input", { type: "date" }),
    weight_method: h("select", {}, ...options(about.methods, "none")),
    fee_ratio: h("input", { type: "number", step: "any", min: 0, placeholder: "market" }),
    tax_ratio: h("input", { type: "number", step: "any", min: 0, placeholder: "market" }),
    kind_of_job: h("select", { onchange: () => showKind() }, ...about.kinds.map(([value, text]) => h("option", { value }, text))),
    grid: h("input", { type: "text", placeholder: "fast=10,20,40 slow=100:300:50" }),
    train: h("input", { type: "text", value: "3Y", size: 6 }),
    test: h("input", { type: "text", value: "1Y", size: 6 }),
    n_paths: h("input", { type: "number", value: 10000, min: 1, step: 1 }),
    priority: h("select", {}, ...options(["high", "normal", "low"], "normal")),
    timeout: h("input", { type: "number", value: 3600, min: 1, max: 86400, step: 1 }),
    memory: h("input", { type: "number", value: 500, min: 100, step: 1 }),
    backend: h("select", {}, ...options(about.backends, about.backends[0])),
  };
  const only = {
    grid: labelled("Values of parameters to try", fields.grid),
    train: labelled("Train on", fields.train), test: labelled("Test on", fields.test),
    n_paths: labelled("Paths", fields.n_paths),
  };
  const needs = { backtest: [], sweep: ["grid"], walk_forward: ["grid", "train", "test"], bootstrap: ["n_paths"] };
  function showKind() {
    for (const [key, node] of Object.entries(only)) node.style.display = needs[fields.kind_of_job.value].includes(key) ? "" : "none";
  }
  const send = h("button", { type: "submit", disabled: true }, "Send");
  const said = h("div", { role: "status", class: "osw-note" });
  let timer = null;
  function later() {
    send.disabled = true;
    clearTimeout(timer);
    timer = setTimeout(check, 400);
  }
  async function check() {
    clearTimeout(timer);
    const answer = await line.ask("check", { source: source.value });
    if (answer.stale) return;
    send.disabled = Boolean(answer.error) || answer.errors > 0;
    if (answer.error) return findings.replaceChildren();
    findings.replaceChildren(
      answer.findings.length
        ? h("ul", {}, ...answer.findings.map((one) => h("li", {}, h("strong", {}, `Line ${one.line}, ${one.severity}: `), one.message, one.hint ? ` ${one.hint}` : "")))
        : h("p", { class: "osw-note" }, "No findings: the strategy may run."));
    const before = [...params.querySelectorAll("input")];
    params.replaceChildren(h("legend", {}, "Parameters"),
      ...answer.parameters.map((one) => {
        const field = h("input", { type: "text", value: one.value, "data-name": one.name });
        // What was typed stays until the source itself says another value: then the source is the newer word.
        const typed = before.find((old) => old.dataset.name === one.name && old.defaultValue === one.value);
        if (typed) field.value = typed.value;
        return labelled(one.name, field, one.help);
      }),
      ...(answer.parameters.length ? [] : [h("small", {}, "The strategy has none.")]));
  }
  const values = () => Object.fromEntries([...params.querySelectorAll("input")].map((one) => [one.dataset.name, one.value]));
  async function submit(event) {
    event.preventDefault();
    send.disabled = true;
    said.textContent = "Sending…";
    const given = Object.fromEntries(Object.entries(fields).map(([key, node]) => [key, node.value]));
    for (const [key, node] of Object.entries(only)) if (node.style.display === "none") delete given[key];
    const answer = await line.ask("send", { source: source.value, name: name.value, params: values(), ...given });
    send.disabled = false;
    said.textContent = answer.error ? "Not sent." : answer.text;
  }
  const form = h("form", { onsubmit: submit },
    h("div", { class: "osw-halves" },
      h("div", { class: "osw-controls" },
        labelled("Name", name),
        h("div", { class: "osw-bar" }, labelled("From a file", file), about.stored.length ? labelled("From a stored run", stored) : null),
        labelled("Strategy", source, "Ends in position = ... (weights) or signal = ... (scores, with a weight method)."),
        findings),
      h("div", { class: "osw-controls" },
        params,
        h("div", { class: "osw-bar" }, labelled("Dataset", fields.data), known, labelled("From", fields.start), labelled("To", fields.end)),
        h("div", { class: "osw-bar" }, labelled("Weight method", fields.weight_method), labelled("Fee ratio", fields.fee_ratio), labelled("Tax ratio", fields.tax_ratio)),
        h("div", { class: "osw-bar" }, labelled("What to run", fields.kind_of_job), ...Object.values(only)),
        h("div", { class: "osw-bar" }, labelled("Priority", fields.priority), labelled("Job timeout, s", fields.timeout), labelled("Memory, MB", fields.memory), labelled("Backend", fields.backend)),
        h("div", { class: "osw-bar" }, send, said))));
  body.append(form);
  showKind();
  check();
  const showTwin = hideTwin(model);
  return () => {
    clearTimeout(timer);
    line.close();
    showTwin();
  };
}

export default { render: renderSubmit };
