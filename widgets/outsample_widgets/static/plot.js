// Lines over time on a canvas: at most two points per pixel and line, zoom, pan, crosshair, selection.
import { h, dayOf } from "./dom.js";

const COLOURS = ["text", "muted", "grid", "back", "select", "one", "two", "three", "four", "five"];
const MARGIN = { left: 64, right: 10, top: 16, gap: 22, bottom: 22 };
const DAY = 86400000;

/** First place in ascending x that is >= value. */
export function lowerBound(x, value) {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Reduce a line to the extremes of each pixel column, in the order in which they occur.
 * Writes pixel, value pairs to `out` and returns their number; NaN makes a gap (a pair of NaN).
 */
export function envelope(x, y, from, to, start, scale, out) {
  let n = 0;
  let column = NaN;
  let low = 0, high = 0, lowAt = 0, highAt = 0;
  const flush = () => {
    if (column !== column) return;
    const pixel = (at) => (x[at] - start) * scale;
    if (lowAt === highAt) {
      out[n++] = pixel(lowAt);
      out[n++] = low;
    } else if (lowAt < highAt) {
      out[n++] = pixel(lowAt);
      out[n++] = low;
      out[n++] = pixel(highAt);
      out[n++] = high;
    } else {
      out[n++] = pixel(highAt);
      out[n++] = high;
      out[n++] = pixel(lowAt);
      out[n++] = low;
    }
  };
  for (let i = from; i < to; i++) {
    const value = y[i];
    if (value !== value) {
      if (column === column) {
        flush();
        out[n++] = NaN;
        out[n++] = NaN;
        column = NaN;
      }
      continue;
    }
    const place = Math.floor((x[i] - start) * scale);
    if (place === column) {
      if (value < low) { low = value; lowAt = i; }
      else if (value > high) { high = value; highAt = i; }
    } else {
      flush();
      column = place;
      low = high = value;
      lowAt = highAt = i;
    }
  }
  flush();
  return n;
}

function niceStep(span, count) {
  const raw = span / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999);
}

function valueTicks(low, high, log, count) {
  const ticks = [];
  if (log) {
    const decades = Math.log10(high / low);
    const factors = decades > 3 ? [1] : decades > 0.8 ? [1, 2, 5] : null;
    if (factors) {
      const every = Math.max(Math.ceil(decades / Math.max(count, 1)), 1);
      const first = Math.ceil(Math.floor(Math.log10(low)) / every) * every;
      for (let power = every > 1 ? first : Math.floor(Math.log10(low)); power <= Math.log10(high); power += every) {
        for (const factor of factors) {
          const value = factor * 10 ** power;
          if (value >= low && value <= high) ticks.push(value);
        }
      }
      return ticks;
    }
  }
  const step = niceStep(high - low, count);
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) ticks.push(value);
  return ticks;
}

function timeTicks(start, end, count) {
  const months = (end - start) / DAY / 30.44 / Math.max(count, 1);
  const step = [1, 2, 3, 6, 12, 24, 60, 120, 240].find((value) => value >= months) || 600;
  const ticks = [];
  if (months < 0.7) {
    const days = Math.max(niceStep((end - start) / DAY, count), 1);
    for (let day = Math.ceil(start / DAY / days) * days; day * DAY <= end; day += days) {
      ticks.push([day * DAY, dayOf(day * DAY)]);
    }
    return ticks;
  }
  const first = new Date(start);
  let month = first.getUTCFullYear() * 12 + first.getUTCMonth();
  month = Math.ceil(month / step) * step;
  for (; ; month += step) {
    const at = Date.UTC(Math.floor(month / 12), month % 12, 1);
    if (at > end) break;
    if (at >= start) ticks.push([at, dayOf(at).slice(0, step >= 12 ? 4 : 7)]);
  }
  return ticks;
}

function brief(value) {
  const size = Math.abs(value);
  if (size >= 1e15) return value.toExponential(0);
  if (size >= 1e12) return `${(value / 1e12).toPrecision(3)}T`;
  if (size >= 1e9) return `${(value / 1e9).toPrecision(3)}G`;
  if (size >= 1e6) return `${(value / 1e6).toPrecision(3)}M`;
  if (size >= 1e4) return `${(value / 1e3).toPrecision(3)}k`;
  return String(Number(value.toPrecision(4)));
}

/**
 * A stack of panels over one time axis.
 *
 * panels: [{title, weight, log, format, lines: [{name, y, colour, dash, fill}], bands: [{low, high, colour}],
 *           marks: [{x, y, up, text}]}]
 * on: {select(range or null), click(place), move(place)}
 */
export class Plot {
  constructor(host, { label, height = 420, on = {}, describe, numeric = false }) {
    this.host = host;
    this.on = on;
    this.height = height;
    this.describe = describe;
    this.numeric = numeric; // the axis counts bars instead of days
    this.x = new Float64Array(0);
    this.panels = [];
    this.view = [0, 1];
    this.mode = "pan";
    this.selection = null;
    this.cursor = null;
    this.times = [];
    this.points = 0;
    this.out = new Float64Array(0);
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.over = h("canvas", { class: "osw-over", "aria-hidden": "true" });
    this.probe = h("span", { "aria-hidden": "true", class: "osw-probe" });
    this.said = h("div", { class: "osw-hidden", "aria-live": "polite" });
    this.stage = h(
      "div",
      {
        class: "osw-stage", tabindex: "0", role: "application", "aria-roledescription": "chart", "aria-label":
          `${label}. Arrow keys move the crosshair, with shift they select a range; plus and minus zoom, ` +
          "page up and page down pan, L switches the log scale, escape clears the selection, 0 shows everything.",
      },
      this.canvas, this.over, this.probe,
    );
    // From the beginning: Voila's cells are tables that keep the height of their first layout.
    this.stage.style.height = `${height}px`;
    host.append(this.stage, this.said);
    this.stage.osPlot = this;
    this.listen();
  }

  setData(x, panels, { keepView = false } = {}) {
    this.x = x;
    this.panels = panels;
    if (!keepView || !(this.view[1] > this.view[0])) this.view = this.whole();
    this.redraw();
  }

  whole() {
    const n = this.x.length;
    return n > 1 ? [this.x[0], this.x[n - 1]] : [0, 1];
  }

  redraw() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.draw();
    });
  }

  redrawOver() {
    if (this.askedOver) return;
    this.askedOver = true;
    requestAnimationFrame(() => {
      this.askedOver = false;
      this.drawOver();
    });
  }

  palette() {
    if (this.colours) return this.colours;
    const found = {};
    for (const name of COLOURS) {
      this.probe.style.color = `var(--osw-${name})`;
      found[name] = getComputedStyle(this.probe).color;
    }
    found.thick = matchMedia("(prefers-contrast: more)").matches ? 2 : 1.4;
    this.colours = found;
    return found;
  }

  size() {
    const width = this.stage.clientWidth;
    const ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.canvas, this.over]) {
      if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(this.height * ratio)) {
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(this.height * ratio);
        canvas.style.width = `${width}px`;
        canvas.style.height = `${this.height}px`;
      }
    }
    this.width = width;
    this.inner = Math.max(width - MARGIN.left - MARGIN.right, 1);
    return ratio;
  }

  draw() {
    if (this.stage.clientWidth === 0) return; // during a change of theme; the observer calls again
    const began = performance.now();
    const ratio = this.size();
    const pen = this.canvas.getContext("2d");
    const colours = this.palette();
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    pen.font = "11px system-ui, sans-serif";
    this.points = 0;
    const [start, end] = this.view;
    this.scale = this.inner / (end - start || 1);
    const from = Math.max(lowerBound(this.x, start) - 1, 0);
    const to = Math.min(lowerBound(this.x, end) + 2, this.x.length);
    if (this.out.length < 6 * (to - from) + 16) this.out = new Float64Array(6 * (to - from) + 16);
    const total = this.panels.reduce((sum, panel) => sum + (panel.weight || 1), 0) || 1;
    const room = this.height - MARGIN.top - MARGIN.bottom - MARGIN.gap * (this.panels.length - 1);
    let top = MARGIN.top;
    const fitting = Math.floor(this.inner / 90);
    const ticks = this.numeric
      ? valueTicks(start, end, false, fitting).map((value) => [value, brief(value)])
      : timeTicks(start, end, fitting);
    for (const panel of this.panels) {
      panel.top = top;
      panel.tall = (room * (panel.weight || 1)) / total;
      this.drawPanel(pen, colours, panel, ticks, from, to);
      top += panel.tall + MARGIN.gap;
    }
    pen.fillStyle = colours.muted;
    pen.textAlign = "center";
    pen.textBaseline = "top";
    let last = -Infinity;
    for (const [at, text] of ticks) {
      const place = MARGIN.left + (at - start) * this.scale;
      if (place - last < 60 || place > this.width - 24) continue;
      pen.fillText(text, place, this.height - MARGIN.bottom + 6);
      last = place;
    }
    this.times.push(performance.now() - began);
    if (this.times.length > 200) this.times.shift();
    this.drawOver();
  }

  drawPanel(pen, colours, panel, ticks, from, to) {
    const start = this.view[0];
    const lines = (panel.lines || []).filter((line) => line.y && !line.hidden);
    const made = lines.map((line) => {
      const n = envelope(this.x, line.y, from, to, start, this.scale, this.out);
      const points = this.out.slice(0, n);
      this.points = Math.max(this.points, n / 2);
      return { line, points };
    });
    let low = Infinity, high = -Infinity;
    for (const { points } of made) {
      for (let k = 1; k < points.length; k += 2) {
        if (points[k] < low) low = points[k];
        if (points[k] > high) high = points[k];
      }
    }
    for (const band of panel.bands || []) {
      for (let k = from; k < to; k++) {
        if (band.low[k] < low) low = band.low[k];
        if (band.high[k] > high) high = band.high[k];
      }
    }
    if (panel.zero) { low = Math.min(low, 0); high = Math.max(high, 0); }
    if (!(high >= low)) { low = 0; high = 1; }
    const log = panel.log && low > 0;
    if (log) { const room = (high / low) ** 0.04 || 1.01; low /= room; high *= room; }
    else { const room = (high - low) * 0.04 || Math.abs(high) * 0.04 || 0.5; if (!(panel.zero && low === 0)) low -= room; if (!(panel.zero && high === 0)) high += room; }
    if (log && low === high) high = low * 1.1;
    panel.range = [low, high, log];
    const height = (value) => this.heightOf(panel, value);
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    pen.lineWidth = 1;
    pen.strokeStyle = colours.grid;
    pen.fillStyle = colours.muted;
    for (const value of valueTicks(low, high, log, Math.max(panel.tall / 34, 2.5))) {
      const place = Math.round(height(value)) + 0.5;
      pen.beginPath();
      pen.moveTo(MARGIN.left, place);
      pen.lineTo(MARGIN.left + this.inner, place);
      pen.stroke();
      pen.fillText((panel.format || brief)(value), MARGIN.left - 6, place);
    }
    for (const [at] of ticks) {
      const place = Math.round(MARGIN.left + (at - start) * this.scale) + 0.5;
      pen.beginPath();
      pen.moveTo(place, panel.top);
      pen.lineTo(place, panel.top + panel.tall);
      pen.stroke();
    }
    pen.save();
    pen.beginPath();
    pen.rect(MARGIN.left, panel.top - 4, this.inner, panel.tall + 8);
    pen.clip();
    for (const band of panel.bands || []) this.drawBand(pen, colours, band, from, to, height);
    for (const { line, points } of made) this.drawLine(pen, colours, line, points, height);
    for (const mark of panel.marks || []) this.drawMark(pen, colours, mark, height);
    pen.restore();
    this.drawLegend(pen, colours, panel, lines);
  }

  drawLegend(pen, colours, panel, lines) {
    pen.textAlign = "left";
    pen.textBaseline = "bottom";
    pen.fillStyle = colours.text;
    let place = MARGIN.left;
    pen.fillText(panel.title, place, panel.top - 2);
    place += pen.measureText(panel.title).width + 14;
    if (lines.length < 2 && !(panel.bands || []).length) return;
    for (const line of lines) {
      pen.strokeStyle = colours[line.colour] || line.colour;
      pen.lineWidth = 2;
      pen.setLineDash(line.dash || []);
      pen.beginPath();
      pen.moveTo(place, panel.top - 8);
      pen.lineTo(place + 18, panel.top - 8);
      pen.stroke();
      pen.setLineDash([]);
      pen.fillText(line.name, place + 22, panel.top - 2);
      place += 22 + pen.measureText(line.name).width + 14;
    }
  }

  drawLine(pen, colours, line, points, height) {
    pen.strokeStyle = pen.fillStyle = colours[line.colour] || line.colour;
    pen.lineWidth = line.width || colours.thick;
    pen.lineJoin = "round";
    pen.setLineDash(line.dash || []);
    pen.beginPath();
    let pending = true;
    for (let k = 0; k < points.length; k += 2) {
      if (points[k] !== points[k]) { pending = true; continue; }
      const place = MARGIN.left + points[k];
      if (pending) pen.moveTo(place, height(points[k + 1]));
      else pen.lineTo(place, height(points[k + 1]));
      pending = false;
    }
    if (line.fill && points.length) {
      pen.save();
      const shape = pen;
      shape.lineTo(MARGIN.left + points[points.length - 2], height(0));
      shape.lineTo(MARGIN.left + points[0], height(0));
      shape.globalAlpha = 0.45;
      shape.fill();
      pen.restore();
    } else {
      pen.stroke();
    }
    pen.setLineDash([]);
  }

  drawBand(pen, colours, band, from, to, height) {
    pen.save();
    pen.fillStyle = colours[band.colour] || band.colour;
    pen.globalAlpha = band.alpha || 0.2;
    pen.beginPath();
    for (let k = from; k < to; k++) pen.lineTo(this.pixelOf(this.x[k]), height(band.high[k]));
    for (let k = to - 1; k >= from; k--) pen.lineTo(this.pixelOf(this.x[k]), height(band.low[k]));
    pen.fill();
    pen.restore();
  }

  drawMark(pen, colours, mark, height) {
    if (mark.x < this.view[0] || mark.x > this.view[1]) return;
    const place = this.pixelOf(mark.x);
    const at = height(mark.y);
    const turn = mark.up ? 1 : -1;
    pen.fillStyle = mark.up ? colours.four : colours.three;
    pen.beginPath();
    pen.moveTo(place, at + 3 * turn);
    pen.lineTo(place - 4.5, at + 11 * turn);
    pen.lineTo(place + 4.5, at + 11 * turn);
    pen.fill();
  }

  drawOver() {
    if (this.stage.clientWidth === 0 || !this.width) return;
    const ratio = window.devicePixelRatio || 1;
    const pen = this.over.getContext("2d");
    const colours = this.palette();
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    if (this.selection) {
      const [a, b] = this.selection.map((at) => Math.min(Math.max(this.pixelOf(at), MARGIN.left), this.width - MARGIN.right));
      pen.fillStyle = pen.strokeStyle = colours.select;
      // Panel by panel: the titles between them stay readable.
      for (const { top, tall } of this.panels) {
        pen.globalAlpha = 0.18;
        pen.fillRect(a, top, Math.max(b - a, 1), tall);
        pen.globalAlpha = 1;
        pen.strokeRect(a + 0.5, top, Math.max(b - a, 1), tall);
      }
    }
    if (this.cursor === null || !this.x.length) return;
    const at = this.x[this.cursor];
    if (at < this.view[0] || at > this.view[1]) return;
    const place = Math.round(this.pixelOf(at)) + 0.5;
    pen.strokeStyle = colours.text;
    pen.lineWidth = 1;
    pen.setLineDash([3, 3]);
    pen.beginPath();
    for (const { top, tall } of this.panels) {
      pen.moveTo(place, top);
      pen.lineTo(place, top + tall);
    }
    pen.stroke();
    pen.setLineDash([]);
    for (const panel of this.panels) {
      for (const line of panel.lines || []) {
        if (!line.y || line.hidden || !(line.y[this.cursor] === line.y[this.cursor]) || !panel.range) continue;
        pen.fillStyle = colours[line.colour] || line.colour;
        pen.beginPath();
        pen.arc(place, this.heightOf(panel, line.y[this.cursor]), 3, 0, 7);
        pen.fill();
      }
    }
  }

  pixelOf(at) { return MARGIN.left + (at - this.view[0]) * this.scale; }

  timeOf(pixel) { return this.view[0] + (pixel - MARGIN.left) / this.scale; }

  heightOf(panel, value) {
    const [low, high, log] = panel.range;
    const share = log ? Math.log(Math.max(value, 1e-300) / low) / Math.log(high / low) : (value - low) / (high - low);
    return panel.top + panel.tall * (1 - share);
  }

  placeOf(at) {
    const right = lowerBound(this.x, at);
    if (right <= 0) return 0;
    if (right >= this.x.length) return this.x.length - 1;
    return at - this.x[right - 1] < this.x[right] - at ? right - 1 : right;
  }

  zoom(factor, around) {
    const [first, last] = this.whole();
    const shortest = Math.min((last - first) / Math.max(this.x.length - 1, 1) * 8, last - first);
    const centre = around ?? (this.view[0] + this.view[1]) / 2;
    const span = Math.min(Math.max((this.view[1] - this.view[0]) * factor, shortest), last - first);
    const share = (centre - this.view[0]) / (this.view[1] - this.view[0]);
    this.moveTo(centre - span * share, span);
  }

  moveTo(start, span) {
    const [first, last] = this.whole();
    const from = Math.min(Math.max(start, first), last - span);
    this.view = [from, from + span];
    this.redraw();
  }

  pan(share) {
    const span = this.view[1] - this.view[0];
    this.moveTo(this.view[0] + share * span, span);
  }

  reset() {
    this.view = this.whole();
    this.redraw();
  }

  setLog(log) {
    for (const panel of this.panels) if (panel.canLog) panel.log = log;
    this.redraw();
  }

  setCursor(place, speak) {
    if (!this.x.length) return;
    this.cursor = Math.min(Math.max(place, 0), this.x.length - 1);
    if (speak && (this.x[this.cursor] < this.view[0] || this.x[this.cursor] > this.view[1])) {
      const span = this.view[1] - this.view[0];
      this.moveTo(this.x[this.cursor] - span / 2, span);
    }
    if (this.on.move) this.on.move(this.cursor);
    if (speak && this.describe) this.said.textContent = this.describe(this.cursor);
    this.redrawOver();
  }

  select(range, done = true) {
    this.selection = range && range[1] > range[0] ? range : null;
    this.redrawOver();
    if (done && this.on.select) this.on.select(this.selection);
  }

  listen() {
    const stage = this.stage;
    let held = null;
    const pixel = (event) => event.clientX - stage.getBoundingClientRect().left;
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      stage.setPointerCapture(event.pointerId);
      const select = (this.mode === "select") !== event.shiftKey;
      held = { from: pixel(event), view: [...this.view], select, moved: false };
    });
    stage.addEventListener("pointermove", (event) => {
      const at = pixel(event);
      if (held && (held.moved || Math.abs(at - held.from) > 3)) {
        held.moved = true;
        if (held.select) this.select([this.timeOf(held.from), this.timeOf(at)].sort((a, b) => a - b), false);
        else this.moveTo(held.view[0] - (at - held.from) / this.scale, held.view[1] - held.view[0]);
      }
      this.setCursor(this.placeOf(this.timeOf(at)), false);
    });
    stage.addEventListener("pointerup", (event) => {
      if (!held) return;
      if (!held.moved && this.on.click) this.on.click(this.placeOf(this.timeOf(pixel(event))));
      if (held.moved && held.select) this.select(this.selection);
      held = null;
    });
    stage.addEventListener("pointercancel", () => (held = null));
    stage.addEventListener("pointerleave", () => {
      if (held || document.activeElement === stage) return;
      this.cursor = null;
      this.redrawOver();
    });
    stage.addEventListener("dblclick", () => this.reset());
    stage.addEventListener(
      "wheel",
      (event) => {
        // Without focus the page scrolls: a chart must not catch whoever reads past it.
        if (!event.ctrlKey && document.activeElement !== stage) return;
        event.preventDefault();
        this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.timeOf(pixel(event)));
      },
      { passive: false },
    );
    stage.addEventListener("keydown", (event) => this.key(event));
    this.observer = new ResizeObserver(() => this.redraw());
    this.observer.observe(stage);
    const changed = () => {
      this.colours = null;
      this.redraw();
    };
    this.themes = new MutationObserver(changed);
    for (const node of [document.body, document.documentElement]) this.themes.observe(node, { attributes: true });
    this.media = ["(prefers-color-scheme: dark)", "(prefers-contrast: more)", "(forced-colors: active)"].map((query) => {
      const found = matchMedia(query);
      found.addEventListener("change", changed);
      return () => found.removeEventListener("change", changed);
    });
    // A style sheet of a new theme arrives after the attribute that names it.
    this.late = setInterval(() => {
      const before = this.colours;
      if (!before || this.stage.clientWidth === 0) return;
      this.colours = null;
      if (this.palette().text !== before.text || this.colours.back !== before.back) this.redraw();
    }, 500);
  }

  key(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1 };
    const extent = this.x.length;
    if (event.key in steps && !event.altKey && !event.metaKey) {
      const place = this.cursor ?? this.placeOf((this.view[0] + this.view[1]) / 2);
      const shown = Math.max(lowerBound(this.x, this.view[1]) - lowerBound(this.x, this.view[0]), 1);
      const step = steps[event.key] * (event.ctrlKey ? Math.max(Math.round(shown / 20), 1) : 1);
      if (event.shiftKey) {
        if (!this.selection || this.anchor === undefined) this.anchor = place;
        const next = Math.min(Math.max(place + step, 0), extent - 1);
        this.setCursor(next, true);
        this.select([this.x[Math.min(this.anchor, next)], this.x[Math.max(this.anchor, next)]]);
      } else {
        this.anchor = undefined;
        this.setCursor(place + step, true);
      }
    } else if (event.key === "+" || event.key === "=") this.zoom(0.7, this.cursor === null ? undefined : this.x[this.cursor]);
    else if (event.key === "-") this.zoom(1 / 0.7, this.cursor === null ? undefined : this.x[this.cursor]);
    else if (event.key === "PageUp") this.pan(-0.5);
    else if (event.key === "PageDown") this.pan(0.5);
    else if (event.key === "Home") this.setCursor(0, true);
    else if (event.key === "End") this.setCursor(extent - 1, true);
    else if (event.key === "0") this.reset();
    else if (event.key === "Escape") { this.anchor = undefined; this.select(null); }
    else if ((event.key === "l" || event.key === "L") && this.on.log) this.on.log();
    else if (event.key === "Enter" && this.on.click && this.cursor !== null) this.on.click(this.cursor);
    else return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has shortcuts on the same keys
  }

  close() {
    clearInterval(this.late);
    this.observer.disconnect();
    this.themes.disconnect();
    this.media.forEach((end) => end());
  }
}
