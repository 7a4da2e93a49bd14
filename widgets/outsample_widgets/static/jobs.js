// Background jobs: progress while they run, cancel, retry, errors.
import { h, Line, frame, grid, hideTwin } from "./dom.js";
import { Sortable } from "./table.js";

const ACTIVE = new Set(["pending", "running"]);
const BUSY_EVERY = 1000;
const IDLE_EVERY = 5000;

function renderJobs({ model, el }) {
  const about = model.get("_about");
  const { body, onError } = frame(el, about.title);
  const line = new Line(model, onError);
  const place = h("div", {});
  const said = h("div", { class: "osw-note", role: "status" });
  let rows = [];
  let timer = null;
  let closed = false;
  const act = (kind, row, text) =>
    h("button", {
      type: "button", "data-what": kind, "aria-label": `${text} ${row.title}`,
      onclick: async (event) => {
        event.target.disabled = true;
        const answer = await line.ask(kind, { job: row.key });
        if (answer.error) event.target.disabled = false;
        else {
          said.textContent = answer.text || "";
          place.replaceChildren(answer.table ? grid(answer.text, answer.table.columns, answer.table.rows) : "");
        }
        refresh();
      },
    }, text);
  const table = new Sortable("Background jobs", about.columns, {
    by: "created", down: true, filters: [{ name: "status", label: "Status" }, { name: "kind", label: "Kind" }],
    actions: (row) => [
      ACTIVE.has(row.status) ? act("cancel", row, row.cancelling ? "Cancelling" : "Cancel") : null,
      row.status === "failed" || row.status === "cancelled" ? act("retry", row, "Run again") : null,
      row.status === "completed" ? act("open", row, "Open") : null,
    ].filter(Boolean),
  });
  function show(found) {
    for (const row of found) {
      const before = rows.find((one) => one.key === row.key);
      if (before && before.status !== row.status) said.textContent = `${row.title} is ${row.status}.`;
    }
    rows = found;
    table.setRows(found.map((row) => ({
      ...row,
      // What has ended says so under "Status"; a message that adds nothing is left out.
      progress: ACTIVE.has(row.status)
        ? h("span", { class: "osw-row" }, h("progress", { max: 100, value: row.percent, "aria-label": `Progress of ${row.title}` }), `${Math.round(row.percent)} % ${row.message}`)
        : row.error || (row.message === row.status ? "" : row.message),
      progress_: row.percent,
    })));
  }
  async function refresh() {
    clearTimeout(timer);
    if (closed) return;
    if (!document.hidden && el.isConnected) {
      const answer = await Promise.race([line.ask("list"), new Promise((done) => setTimeout(() => done({ stale: true }), 10000))]);
      if (!answer.stale && !answer.error) show(answer.rows);
    }
    clearTimeout(timer);
    if (!closed) timer = setTimeout(refresh, rows.some((row) => ACTIVE.has(row.status)) ? BUSY_EVERY : IDLE_EVERY);
  }
  const changed = (content) => { if (content.kind === "changed") refresh(); };
  model.on("msg:custom", changed);
  show(about.rows);
  body.append(table.node, said, place);
  timer = setTimeout(refresh, BUSY_EVERY);
  const showTwin = hideTwin(model);
  return () => {
    closed = true;
    clearTimeout(timer);
    model.off("msg:custom", changed);
    line.close();
    showTwin();
  };
}

export default { render: renderJobs };
