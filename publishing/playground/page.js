// The playground on its page: controls, panels, curves and words. The numbers come from the workers.

import {
  diamond, divide, fixed, frame, isDark, crosses, limitsOf, line, marks, minus, penOf, projection,
  ring,
} from "../../anode_lab/figures/parts/living/drawing.js";
import { OUTER, dataOf, isG } from "./data.js";
import {
  MOST_POINTS, NAMES, OWN, SHARED, label, read, settingsOf, written,
} from "./settings.js";
import { snippet } from "./snippet.js";
import { SIDE, centre, target } from "./worker.js";

const SHOWN = 30; // steps between two pictures
const CALM = 2000; // milliseconds between two pictures for readers who want less motion
const LAST = 20000; // steps of a training
const WINDOW = [[-SIDE, SIDE], [-SIDE, SIDE]];
const UNREADY = "Paint points of both classes first. ";
const SIDES = ["Left network", "Right network"];
const BRUSHES = [-1, 1]; // the classes that may be painted
const FINITE = 1e6; // states beyond it are not drawn

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// One network: its worker, its two pictures and its line of numbers.
class Panel {
  constructor(side, source, hooks) {
    this.side = side;
    this.hooks = hooks;
    this.waiting = new Map();
    this.asked = 0;
    this.worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    this.worker.onmessage = ({ data: { id, answer, error } }) => {
      const { resolve, reject } = this.waiting.get(id);
      this.waiting.delete(id);
      if (error) reject(new Error(error));
      else resolve(answer);
    };
    const first = (role, what) => ({ role, "aria-label": `${SIDES[side]}, ${what}` }); // until drawn
    this.inputs = make("canvas", { tabIndex: 0, ...first("application", "inputs") });
    this.features = make("canvas", first("img", "features"));
    this.title = make("p", { className: "title" });
    this.numbers = make("p", { className: "numbers" });
    this.element = make("section", {}, this.title, this.inputs, this.numbers, this.features);
    this.listen();
  }

  ask(ask, given = {}) {
    this.asked += 1;
    const id = this.asked;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, ask, ...given });
    });
  }

  listen() {
    const at = (event) => {
      const box = this.inputs.getBoundingClientRect();
      return this.plane.from([event.clientX - box.left, event.clientY - box.top]);
    };
    this.inputs.addEventListener("pointerdown", (event) => this.hooks.point(at(event), true));
    this.inputs.addEventListener("keydown", (event) => this.hooks.key(event));
    this.features.addEventListener("pointermove", (event) => {
      if (event.buttons) this.hooks.turn(event.movementX);
    });
  }

  async start(settings, data) {
    this.losses = [];
    this.nfe = [];
    this.failed = "";
    this.view = null;
    const radii = isG(settings) ? { r1: settings.r1, r2: settings.r2 } : null;
    this.data = data;
    this.line = settings.data === "line";
    this.radii = radii;
    this.name = label(settings, this.side);
    this.element.setAttribute("aria-label", this.name);
    this.perEpoch = await this.ask("start", { settings: settingsOf(settings, this.side), data, radii });
  }

  async train(steps) {
    if (this.failed) return;
    const found = await this.ask("train", { steps });
    for (const loss of found.losses) this.losses.push(loss);
    for (const nfe of found.nfe) this.nfe.push(nfe);
    this.failed = found.failed;
  }

  // Loss and evaluations of the step before the weights that are shown.
  get last() {
    const step = Math.min(this.view?.made ?? 0, this.losses.length) - 1;
    return step < 0 ? null : { loss: this.losses[step], nfe: this.nfe[step] };
  }

  words() {
    const { wrong, count } = this.view.wrong;
    const where = this.radii ? "grid points" : "points";
    const cost = this.last
      ? `loss ${this.last.loss.toPrecision(3)}, ${this.last.nfe} evaluations`
      : "untrained";
    return `${cost}, ${wrong} of ${count} ${where} wrong${this.failed ? `; stopped, ${this.failed}` : ""}`;
  }

  // What draws the panel, in parts.
  parts(look) {
    this.title.textContent = this.name;
    this.numbers.textContent = this.words();
    const inputs = () => (this.line ? this.drawGraph(look) : this.drawInputs(look));
    this.describe(look);
    return [inputs, () => this.drawFeatures(look)];
  }

  describe(look) {
    this.inputs.setAttribute("aria-label", `${this.name}: outputs over the plane of inputs; ${this.words()}. ${look.help}`);
    this.features.setAttribute("aria-label", `${this.name}: features of the data, the paths to them, and the linear layer's boundary.`);
    Object.assign(this.inputs.dataset, { made: this.view.made, wrong: this.view.wrong.wrong });
  }

  pen(canvas) {
    const width = this.element.clientWidth || 300;
    const height = Math.round(Math.min(width, 340));
    return { pen: penOf(canvas, width, height), size: [width, height] };
  }

  drawInputs({ colours, settings, point, painting }) {
    const { pen, size } = this.pen(this.inputs);
    this.plane = projection(WINDOW, 0, size);
    const { to } = this.plane;
    const { cells, grid } = this.view;
    const [left, top] = to([-SIDE, SIDE]);
    const [right, bottom] = to([SIDE, -SIDE]);
    const [width, height] = [(right - left) / cells, (bottom - top) / cells];
    pen.imageSmoothingEnabled = false;
    pen.drawImage(this.map(colours), left, top, right - left, bottom - top);
    const wrong = [];
    if (this.radii) {
      grid.forEach((output, k) => {
        const x = centre(k % cells, cells);
        const y = -centre(Math.floor(k / cells), cells);
        if (output * target(Math.hypot(x, y), this.radii) < 0) wrong.push(to([x, y]));
      });
    }
    frame(pen, to, WINDOW, colours, ["x₁", "x₂"]);
    this.contour(pen, [left + width / 2, top + height / 2], [width, height], colours);
    if (this.radii) {
      for (const radius of [settings.r1, settings.r2, OUTER]) {
        const around = Array.from({ length: 73 }, (_, i) => (i * Math.PI) / 36);
        line(pen, around.map((a) => to([radius * Math.cos(a), radius * Math.sin(a)])), colours.ink, 0.7, 0.5);
      }
    }
    this.points(pen, (b) => to([this.data.x[2 * b], this.data.x[2 * b + 1]]), colours);
    crosses(pen, wrong, colours.ink);
    const found = this.view.witness;
    if (found?.point) {
      pen.setLineDash([6, 3]);
      line(pen, found.curve.map(to), colours.ink, 1.8, 1);
      pen.setLineDash([]);
      const at = to(found.centre < 0 ? found.point : [0, 0]);
      diamond(pen, at, colours.ink, colours.page);
    }
    if (point) ring(pen, to(point), colours.ink);
    if (painting) this.inputs.style.cursor = "crosshair";
  }

  // The outputs as a picture of one pixel a cell: blue below 0, orange above.
  map(colours) {
    const { cells, grid } = this.view;
    const rgb = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
    const [page, ...ends] = [colours.page, colours.inner, colours.outer].map(rgb);
    const image = new ImageData(cells, cells);
    grid.forEach((output, k) => {
      const share = 0.08 + 0.42 * Math.min(Math.abs(output), 1);
      const end = ends[output < 0 ? 0 : 1];
      for (let i = 0; i < 3; i++) image.data[4 * k + i] = page[i] + share * (end[i] - page[i]);
      image.data[4 * k + 3] = 255;
    });
    this.pixels ??= document.createElement("canvas");
    Object.assign(this.pixels, { width: cells, height: cells });
    this.pixels.getContext("2d").putImageData(image, 0, 0);
    return this.pixels;
  }

  // On the line: the output over the inputs, and the data at their targets.
  drawGraph({ colours, settings, point }) {
    const { pen, size } = this.pen(this.inputs);
    this.plane = projection(WINDOW, 0, size);
    const { to } = this.plane;
    const { cells, grid, witness: found } = this.view;
    const held = (value) => Math.min(Math.max(value, -SIDE), SIDE);
    frame(pen, to, WINDOW, colours, ["x", "F"]);
    line(pen, [[-SIDE, 0], [SIDE, 0]].map(to), colours.grid, 1, 1);
    for (const radius of [settings.r1, settings.r2, OUTER]) {
      for (const at of [-radius, radius]) line(pen, [[at, -SIDE], [at, SIDE]].map(to), colours.grid, 0.7, 1);
    }
    this.points(pen, (b) => to([this.data.x[b], this.data.y[b]]), colours);
    line(pen, [...grid].map((output, k) => to([centre(k, cells), held(output)])), colours.ink, 1.8, 1);
    const wrong = [...grid.keys()].filter((k) => grid[k] * target(Math.abs(centre(k, cells)), this.radii) < 0);
    crosses(pen, wrong.map((k) => to([centre(k, cells), held(grid[k])])), colours.ink);
    if (found?.point) {
      const [x, y] = found.centre < 0 ? [found.point[0], found.output] : [0, found.centre];
      diamond(pen, to([x, held(y)]), colours.ink, colours.page);
    }
    if (point) ring(pen, to([point[0], 0]), colours.ink);
  }

  points(pen, at, colours) {
    for (const [target, colour] of [[-1, colours.inner], [1, colours.outer]]) {
      const own = [...this.data.y.keys()].filter((b) => this.data.y[b] === target);
      marks(pen, own.map(at), target, colour);
    }
  }

  // Where the output is 0, from cell to cell.
  contour(pen, start, [width, height], colours) {
    const { grid, cells } = this.view;
    const at = (row, column) => grid[row * cells + column];
    pen.beginPath();
    for (let row = 0; row < cells - 1; row++) {
      for (let column = 0; column < cells - 1; column++) {
        const low = at(row, column) < 0;
        if (low === at(row, column + 1) < 0 && low === at(row + 1, column) < 0 && low === at(row + 1, column + 1) < 0) continue;
        const corners = [[row, column], [row, column + 1], [row + 1, column + 1], [row + 1, column]];
        const crossings = [];
        corners.forEach(([r, c], i) => {
          const [s, d] = corners[(i + 1) % 4];
          const [a, b] = [at(r, c), at(s, d)];
          if (a < 0 === b < 0) return;
          const share = a / (a - b);
          crossings.push([
            start[0] + width * (c + share * (d - c)),
            start[1] + height * (r + share * (s - r)),
          ]);
        });
        for (let i = 0; i + 1 < crossings.length; i += 2) {
          pen.moveTo(...crossings[i]);
          pen.lineTo(...crossings[i + 1]);
        }
      }
    }
    pen.strokeStyle = colours.ink;
    pen.lineWidth = 1.6;
    pen.stroke();
  }

  drawFeatures({ colours, turn }) {
    const { pen, size } = this.pen(this.features);
    const { features, paths, chosen, dim, head, bias } = this.view;
    if (!features) return;
    // A single coordinate is drawn over the time. Of more than three the last axis has what the linear
    // layer reads of the rest, so its boundary is as exact as in space.
    const rest = [...head].slice(2);
    const along = Math.hypot(...rest);
    const state = (all, b, t) => {
      const h = [...all.subarray(b * dim, (b + 1) * dim)];
      const read = (values) => values.reduce((sum, value, i) => sum + value * rest[i], 0) / along;
      const first = (dim > 3 ? [...h.slice(0, 2), read(h.slice(2))] : h).map((value) => Math.min(Math.max(value, -FINITE), FINITE));
      return dim === 1 ? [t, ...first] : first;
    };
    const weights = dim > 3 ? [head[0], head[1], along] : [...head];
    const path = (all, b) => all.map((one, i) => state(one, b, i / (all.length - 1)));
    const states = Array.from({ length: this.data.y.length }, (_, b) => state(features, b, 1));
    const lines = Array.from({ length: paths[0].length / dim }, (_, b) => path(paths, b));
    const own = chosen ? [path(chosen, 0)] : [];
    this.drawn = { states, weights }; // for tests
    const limits = limitsOf([states, ...lines, ...own], Math.min(Math.max(dim, 2), 3));
    if (dim === 1) limits[0] = [-0.05, 1.05];
    const { to } = projection(limits, turn, size);
    frame(pen, to, limits, colours, axes(this.line ? 1 : 2, dim));
    const layer = {
      output: (h) => (dim === 1 ? h.slice(1) : h).reduce((sum, value, i) => sum + value * weights[i], bias),
    };
    divide(pen, to, layer, limits, colours);
    for (const one of lines) line(pen, one.map(to), colours.ink, 0.7, 0.35);
    this.points(pen, (b) => to(states[b]), colours);
    for (const one of own) {
      line(pen, one.map(to), colours.ink, 2, 1);
      ring(pen, to(one[0]), colours.ink);
      diamond(pen, to(one.at(-1)), colours.ink, colours.page);
    }
  }
}

// Names of the axes of features with `inputs` coordinates of their own, in all `dim`.
function axes(inputs, dim) {
  if (dim === 1) return ["t", "h₁"];
  const names = [..."₁₂₃"].map((i) => `a${i}`);
  const all = ["h₁", "h₂"].slice(0, inputs).concat(names).slice(0, dim);
  return dim > 3 ? [...all.slice(0, 2), "w · a"] : all;
}

// Curves of both networks over the steps: means over what one pixel shows.
function drawCurves(canvas, series, { colours, now }, logarithmic) {
  const width = canvas.parentElement.clientWidth || 300;
  const [height, left, bottom] = [130, 52, 112];
  const pen = penOf(canvas, width, height);
  pen.fillStyle = colours.ink;
  const steps = Math.max(...series.map((each) => each.length), 1);
  const size = Math.max(Math.ceil(steps / (width - left - 8)), 1);
  const curves = series.map((each) => {
    const found = [];
    for (let i = 0; i < each.length; i += size) {
      const part = each.slice(i, i + size);
      const mean = part.reduce((sum, value) => sum + value, 0) / part.length;
      found.push([i + size / 2, logarithmic ? Math.log10(mean) : mean]);
    }
    return found;
  });
  const values = curves.flat().map(([, value]) => value);
  if (!values.length) return;
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (high - low < 0.1) [low, high] = [low - 0.5, high + 0.5];
  const x = (step) => left + ((width - left - 8) * step) / steps;
  const y = (value) => 10 + ((bottom - 10) * (high - value)) / (high - low);
  line(pen, [[left, 10], [left, bottom], [width - 8, bottom]], colours.grid, 1, 1);
  pen.textAlign = "right";
  const written = (value) => (!logarithmic ? value.toFixed(0) : value < -2 ? (10 ** value).toExponential(0) : (10 ** value).toPrecision(2));
  pen.fillText(written(high), left - 5, 14);
  pen.fillText(written(low), left - 5, bottom);
  pen.fillText(`${steps} steps`, width - 8, height - 3);
  if (now < steps) line(pen, [[x(now), 10], [x(now), bottom]], colours.ink, 1, 0.6);
  curves.forEach((curve, side) => {
    pen.setLineDash(side ? [6, 3] : []);
    line(pen, curve.map(([step, value]) => [x(step), y(value)]), side ? colours.right : colours.left, 1.8, 1);
  });
  pen.setLineDash([]);
}

class Playground {
  constructor(root, source) {
    this.root = root;
    this.small = "small" in root.dataset;
    this.colours = JSON.parse(root.dataset.colours);
    this.calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const hooks = {
      point: (at) => this.choose(at),
      key: (event) => this.key(event),
      turn: (by) => this.turnBy(by),
    };
    this.panels = [0, 1].map((side) => new Panel(side, source, hooks));
    Object.assign(this, { playing: false, point: null, brush: 1, epoch: 0, draws: 0, shows: 0 });
    this.build();
    this.watch();
    this.load(this.small ? "" : location.hash);
  }

  build() {
    const button = (text, act) => make("button", { type: "button", textContent: text, onclick: act });
    this.play = button("Play", () => (this.playing ? this.pause() : this.run()));
    const bar = make(
      "div", { className: "bar" },
      this.play,
      button("One step", () => this.advance(1)),
      button("One epoch", () => this.advance(this.panels[0].perEpoch)),
      button("Reset", () => this.restart()),
      button("Another seed", () => this.set("seed", (this.settings.seed + 1) % 10000)),
    );
    const panels = make("div", { className: "panels" }, ...this.panels.map((each) => each.element));
    const shown = ["loss (logarithmic)", "function evaluations"];
    this.curves = shown.map((name) => make("canvas", { role: "img", "aria-label": name }));
    const curves = make(
      "div", { className: "panels" },
      ...shown.map((name, i) =>
        make("figure", {}, this.curves[i], make("figcaption", { textContent: name })),
      ),
    );
    this.scrubber = make("input", { type: "range", min: 0, max: 0, value: 0, oninput: () => this.scrub(false), onchange: () => this.scrub(true) });
    this.turner = make("input", { type: "range", min: -180, max: 180, step: 2, value: 30, oninput: () => this.draw() });
    this.step = make("output");
    const sliders = make(
      "div", { className: "sliders" },
      make("label", {}, "Back through the training", this.scrubber, this.step),
      make("label", {}, "Turn the features", this.turner),
    );
    this.legend = make("p", { className: "legend" });
    this.status = make("p", { className: "status", role: "status" });
    this.status.setAttribute("aria-live", "polite");
    this.root.replaceChildren(bar, panels, this.legend, curves, sliders, this.status);
    if (this.small) return;
    this.controls = {};
    const shared = make("fieldset", {}, make("legend", { textContent: "Both networks" }));
    for (const [name, option] of Object.entries(SHARED)) {
      shared.append(this.control(name, option, () => this.settings[name], (value) => this.set(name, value)));
    }
    this.painting = make(
      "div", { className: "painting" },
      ...BRUSHES.map((brush) => button(`Paint class ${brush < 0 ? "−1" : "+1"}`, () => this.take(brush))),
      button("Clear", () => this.set("points", [])),
    );
    this.take(this.brush);
    shared.append(this.painting);
    const own = SIDES.map((title, side) => {
      const box = make("fieldset", {}, make("legend", { textContent: title }));
      for (const [name, option] of Object.entries(OWN)) {
        const put = (value) => this.set(name, Object.assign([...this.settings[name]], { [side]: value }));
        box.append(this.control(`${name}${side}`, option, () => this.settings[name][side], put));
      }
      return box;
    });
    this.code = make("code");
    this.copied = make("span", { role: "status" });
    const copy = button("Copy", async () => {
      try {
        await navigator.clipboard.writeText(this.code.textContent);
        this.copied.textContent = "Copied.";
      } catch {
        getSelection().selectAllChildren(this.code);
        this.copied.textContent = "The browser does not let this page copy. The lines are marked: press Ctrl+C.";
      }
    });
    const python = make(
      "details", {},
      make("summary", { textContent: "Continue in Python" }),
      make("p", {}, copy, " ", this.copied),
      make("pre", { tabIndex: 0 }, this.code),
    );
    this.root.append(make("div", { className: "settings" }, shared, ...own), python);
  }

  control(name, option, get, put) {
    const spoken = (value) => NAMES[value] ?? minus(String(value));
    let input;
    if (option.choices) {
      const yes = option === OWN.time;
      input = make("select", { onchange: () => put(option.choices[input.selectedIndex]) });
      option.choices.forEach((value) => input.append(make("option", { textContent: yes ? ["no", "yes"][value] : spoken(value) })));
    } else {
      input = make("input", { type: "number", min: option.low, max: option.high, step: option.step });
      input.addEventListener("change", () => put(Number(input.value)));
    }
    const row = make("label", {}, option.label, input);
    this.controls[name] = () => {
      if (option.choices) input.selectedIndex = option.choices.indexOf(get());
      else input.value = get();
      row.hidden = (name === "r1" || name === "r2") && !isG(this.settings);
    };
    return row;
  }

  watch() {
    const again = () => this.draw();
    new ResizeObserver(again).observe(this.root);
    new MutationObserver(again).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    if (!this.small) window.addEventListener("hashchange", () => this.load(location.hash));
  }

  load(text) {
    const { settings, complaints } = read(text);
    this.settings = settings;
    return this.restart(complaints.length ? `The address is not understood: ${complaints.join("; ")}. ` : "");
  }

  // A changed setting starts the training again, and goes into the address.
  set(name, value) {
    const { settings, complaints } = read(written({ ...this.settings, [name]: value }));
    if (!complaints.length) this.settings = settings;
    if (!this.small) history.replaceState(null, "", `#${written(this.settings)}`);
    return this.restart(complaints.length ? `${complaints.join("; ")}. ` : "");
  }

  // Answers to what was asked before a restart are of no use after it.
  async restart(complaint = "") {
    this.pause(false);
    this.epoch += 1;
    this.draws += 1;
    const { epoch } = this;
    const data = dataOf(this.settings);
    this.ready = new Set(data.y).size === 2;
    for (const update of Object.values(this.controls ?? {})) update();
    if (!this.small) {
      this.painting.hidden = this.settings.data !== "painted";
      this.code.textContent = this.ready ? snippet(this.settings, 20) : "# Paint points of both classes first.";
    }
    await Promise.all(this.panels.map((panel) => panel.start(this.settings, data)));
    if (epoch === this.epoch) await this.show({ words: this.ready ? complaint : `${complaint}${UNREADY}` });
  }

  get made() {
    return Math.max(...this.panels.map((panel) => panel.losses.length));
  }

  async run() {
    if (!this.ready) return this.say(UNREADY);
    this.playing = true;
    this.play.textContent = "Pause";
    this.status.textContent = "Training.";
    const { epoch } = this;
    let shown = performance.now();
    while (this.playing && epoch === this.epoch && this.made < LAST && this.panels.some((each) => !each.failed)) {
      if (document.hidden) await new Promise((seen) => document.addEventListener("visibilitychange", seen, { once: true }));
      await Promise.all(this.panels.map((panel) => panel.train(SHOWN)));
      if (!this.playing) return;
      if (this.calm && performance.now() - shown < CALM) continue;
      shown = performance.now();
      if (epoch === this.epoch) await this.show({ search: false });
    }
    if (epoch === this.epoch && this.playing) this.pause();
  }

  pause(show = true) {
    const stopped = this.playing;
    this.playing = false;
    this.play.textContent = "Play";
    if (stopped && show) this.show();
  }

  async advance(steps) {
    if (!this.ready) return this.say(UNREADY);
    this.pause(false);
    const { epoch } = this;
    await Promise.all(this.panels.map((panel) => panel.train(steps)));
    if (epoch === this.epoch) await this.show();
  }

  scrub(search) {
    this.pause(false);
    this.soon({ step: Number(this.scrubber.value), search });
  }

  // At most one request at a time; the last one that came meanwhile follows.
  async soon(what) {
    this.next = what;
    if (this.busy) return;
    this.busy = true;
    while (this.next) {
      const now = this.next;
      this.next = null;
      await this.show(now);
    }
    this.busy = false;
  }

  // Ask both networks for a picture, draw it and, at a stop, say it in words.
  async show({ step = null, search = true, words = "" } = {}) {
    const { epoch } = this;
    const point = this.settings.data === "painted" ? null : this.point;
    this.shows += 1; // the last one that is asked for counts
    const { shows } = this;
    const views = await Promise.all(this.panels.map((panel) => panel.ask("view", { step, point, search })));
    if (epoch !== this.epoch || shows !== this.shows) return;
    this.panels.forEach((panel, side) => (panel.view = views[side]));
    this.scrubber.max = this.made;
    this.scrubber.value = step ?? this.made;
    await this.draw();
    if (epoch !== this.epoch || shows !== this.shows) return;
    this.root.dataset.steps = this.made;
    if (search) this.say(words);
  }

  async draw() {
    if (!this.panels.every((panel) => panel.view)) return;
    const colours = this.colours[isDark() ? "dark" : "light"];
    for (const [name, colour] of Object.entries(colours)) this.root.style.setProperty(`--play-${name}`, colour);
    const painting = this.settings.data === "painted";
    const look = {
      colours,
      settings: this.settings,
      turn: (Number(this.turner.value) * Math.PI) / 180,
      point: this.point,
      painting,
      now: Number(this.scrubber.value),
      help: `Arrow keys move your point${painting ? ", Enter paints it" : ""}.`,
    };
    this.step.textContent = `step ${this.panels[0].view.made}`;
    this.turner.parentElement.hidden = !this.panels.some((panel) => panel.view.dim > 2);
    // One picture at a time, and the browser's own work between them.
    this.draws += 1;
    const { draws } = this;
    for (const panel of this.panels) {
      for (const part of panel.parts(look)) {
        part();
        await new Promise((later) => setTimeout(later));
        if (draws !== this.draws) return;
      }
    }
    drawCurves(this.curves[0], this.panels.map((panel) => panel.losses), look, true);
    drawCurves(this.curves[1], this.panels.map((panel) => panel.nfe), look, false);
    const both = this.panels.map((panel) => panel.name).join(" and ");
    this.curves[0].setAttribute("aria-label", `Loss of ${both} over the steps.`);
    this.curves[1].setAttribute("aria-label", `Evaluations of ${both} over the steps.`);
    this.legend.replaceChildren(
      make("span", { className: "inner", textContent: "target −1" }),
      make("span", { className: "outer", textContent: "target +1" }),
      make("span", { textContent: "× wrong" }),
      make("span", { className: "left", textContent: `left: ${this.panels[0].name}` }),
      make("span", { className: "right", textContent: `right: ${this.panels[1].name}` }),
    );
  }

  say(before) {
    if (!this.panels.every((panel) => panel.view)) return;
    const step = this.panels[0].view.made;
    const said = this.panels.map((panel) => `${panel.name}: ${panel.words()}`);
    const searched = this.panels.map((panel) => this.searched(panel)).find(Boolean) ?? "";
    const yours = this.point && this.settings.data !== "painted" ? this.yours() : "";
    // The numbers stand below the pictures already.
    const heard = make("span", { className: "visually-hidden", textContent: `After ${step} steps. ${said.join(". ")}. ` });
    this.status.replaceChildren(before, heard, searched, yours);
  }

  searched(panel) {
    const found = panel.view.witness;
    if (!found?.point) return "";
    if (!(found.centre < 0)) return `The ${panel.name} is wrong at the centre, ◆, where its output is ${fixed(found.centre, 3)}. `;
    const at = found.point.map((value) => fixed(value)).join(", ");
    return (
      `◆ The ${panel.name} gives ${fixed(found.output, 3)} at (${at}), a point of the annulus, ` +
      `and ${fixed(found.centre, 3)} at the centre: the dashed escape curve leads from one to the other. `
    );
  }

  yours() {
    const outputs = this.panels.map((panel) => {
      const { chosen, head, bias } = panel.view;
      const end = chosen?.at(-1);
      return `${panel.name} gives ${end ? fixed(head.reduce((sum, w, i) => sum + w * end[i], bias)) : "nothing"}`;
    });
    return `At your point (${this.point.map((value) => fixed(value)).join(", ")}) ${outputs.join(", ")}.`;
  }

  choose(at) {
    if (at.some((value) => !(Math.abs(value) <= SIDE))) return;
    this.point = at.map((value) => Math.round(value * 100) / 100);
    if (this.settings.data === "painted") this.paint();
    else if (!this.playing) this.soon({ step: Number(this.scrubber.value) });
  }

  take(brush) {
    this.brush = brush;
    BRUSHES.forEach((each, i) => this.painting.children[i].setAttribute("aria-pressed", each === brush));
  }

  paint() {
    const { points } = this.settings;
    if (points.length >= MOST_POINTS) return this.say(`There is room for ${MOST_POINTS} points. `);
    this.set("points", [...points, [...this.point, this.brush]]);
  }

  key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const by = moves[event.key];
    if (by) {
      event.preventDefault();
      const at = (this.point ?? [0, 0]).map((value, i) => Math.min(Math.max(value + 0.05 * by[i], -SIDE), SIDE));
      if (this.settings.data !== "painted") return this.choose(at);
      this.point = at.map((value) => Math.round(value * 100) / 100);
      this.draw();
    } else if (event.key === "Enter" && this.settings.data === "painted") this.paint();
  }

  turnBy(by) {
    const turned = Number(this.turner.value) + by;
    this.turner.value = ((((turned + 180) % 360) + 360) % 360) - 180;
    this.draw();
  }
}

export const start = (source) => {
  for (const root of document.querySelectorAll(".anode-playground")) {
    root.playground = new Playground(root, source);
  }
};
