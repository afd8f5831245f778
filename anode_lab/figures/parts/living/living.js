// Flows of trained Neural ODEs, integrated and drawn in the page.

import { diamond, divide, fixed, frame, isDark, limitsOf, line, marks, minus, penOf, projection, ring } from "./drawing.js";
import { Network, Solver, evenly } from "./numerics.js";

const TOLERANCE = 1e-8; // of the reader's point, whose numbers are shown
const ROUGH = 1e-5; // of all others, which are only drawn
const TIMES = 41;
const CLASSES = [
  { target: -1, colour: "inner", name: "ball, target −1" },
  { target: 1, colour: "outer", name: "annulus, target +1" },
];

// A network of the widget with the weights after the epoch of that index.
export function unpack(packed, index) {
  const bytes = Uint8Array.from(atob(packed.weights), (c) => c.charCodeAt(0));
  const all = new Float32Array(bytes.buffer);
  const network = new Network(packed);
  network.weights.set(all.subarray(index * network.size, (index + 1) * network.size));
  return network;
}

// States of one input at `count` evenly spaced times.
export function path(network, x, end, count, tolerance = TOLERANCE) {
  const start = new Float64Array(network.dim);
  start.set(x);
  return new Solver(network, 1, tolerance).solve(start, evenly(count, end)).states;
}

class Panel {
  constructor(network, model) {
    this.network = network;
    this.model = model;
    this.element = document.createElement("figure");
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", network.label);
    this.caption = document.createElement("figcaption");
    this.element.append(this.canvas, this.caption);
    this.kept = new Map();
  }

  // Weights, and the paths of the data, after an epoch.
  load(epoch) {
    if (!this.kept.has(epoch)) {
      const trained = unpack(this.network, epoch);
      const { end, dim } = this.network;
      const paths = this.model.get("data").x.map((x) => path(trained, x, end, TIMES, ROUGH));
      this.kept.set(epoch, { trained, paths, limits: limitsOf(paths, dim) });
    }
    Object.assign(this, this.kept.get(epoch));
    this.epoch = epoch;
  }

  move(point) {
    this.point = path(this.trained, point, this.network.end, TIMES);
    this.features = this.point[TIMES - 1];
    this.output = this.trained.output(this.features);
  }

  draw(now, turn, colours) {
    const width = this.element.clientWidth || 340;
    const height = Math.round(Math.min(width, 380));
    const pen = penOf(this.canvas, width, height);
    this.projection = projection(this.limits, turn, [width, height]);
    const { to } = this.projection;
    frame(pen, to, this.limits, colours);
    divide(pen, to, this.trained, this.limits, colours);
    this.model.get("data").y.forEach((y, i) => {
      const colour = colours[CLASSES.find((each) => each.target === y).colour];
      line(pen, this.paths[i].slice(0, now + 1).map(to), colour, 0.8, 0.35);
      marks(pen, [to(this.paths[i][now])], y, colour);
    });
    line(pen, this.point.slice(0, now + 1).map(to), colours.ink, 2, 1);
    ring(pen, to(this.point[0]), colours.ink);
    diamond(pen, to(this.point[now]), colours.ink, colours.page);
    this.describe(now);
  }

  describe(now) {
    const { label, epochs, loss } = this.network;
    const said = loss[this.epoch] === null ? "before training" : `loss ${loss[this.epoch]}`;
    this.caption.textContent = `${label}, epoch ${epochs[this.epoch]}, ${said}`;
    const state = [...this.point[now]].map((value) => fixed(value)).join(", ");
    this.canvas.setAttribute(
      "aria-label",
      `${label} after epoch ${epochs[this.epoch]}: states at time ` +
        `${fixed(now / (TIMES - 1))}, with the paths so far. The point is at (${state}).`,
    );
    // For tests: what is drawn, in numbers.
    this.canvas.dataset.features = JSON.stringify([...this.features]);
    this.canvas.dataset.output = String(this.output);
    this.canvas.dataset.path = JSON.stringify(this.point.map((p) => [...p]));
  }
}

// The widget --------------------------------------------------------------------------------------

function slider(text, low, high, step, value) {
  const label = document.createElement("label");
  const name = document.createElement("span");
  name.textContent = text;
  const input = document.createElement("input");
  Object.assign(input, { type: "range", min: low, max: high, step, value });
  const shown = document.createElement("output");
  label.append(name, input, shown);
  return { label, input, shown };
}

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "anode-living";
  const networks = model.get("networks");
  const panels = networks.map((network) => new Panel(network, model));
  const row = document.createElement("div");
  row.className = "panels";
  row.append(...panels.map((panel) => panel.element));
  const legend = document.createElement("p");
  legend.className = "legend";
  const names = CLASSES.map((each) => {
    const entry = document.createElement("span");
    entry.className = each.colour;
    entry.textContent = each.name;
    return entry;
  });
  const yours = document.createElement("span");
  yours.textContent = "◆ your point (○ where it starts)";
  legend.append(...names, yours);
  const epochs = networks[0].epochs;
  const [x, y] = model.get("point");
  const controls = {
    time: slider("time t", 0, TIMES - 1, 1, TIMES - 1),
    epoch: slider("epoch", 0, epochs.length - 1, 1, model.get("epoch")),
    x: slider("point, h₁", -1.6, 1.6, 0.01, x),
    y: slider("point, h₂", -1.6, 1.6, 0.01, y),
  };
  if (networks.some((network) => network.dim === 3)) {
    controls.turn = slider("turn", -180, 180, 2, 30);
  }
  const board = document.createElement("div");
  board.className = "controls";
  board.append(...Object.values(controls).map((each) => each.label));
  const readout = document.createElement("p");
  readout.className = "readout";
  readout.setAttribute("role", "status");
  root.append(row, legend, board, readout);
  el.append(root);

  let pending = 0;
  let fresh = { epoch: null, point: null };

  function update() {
    pending = 0;
    const epoch = model.get("epoch");
    const point = model.get("point");
    if (fresh.epoch !== epoch) panels.forEach((panel) => panel.load(epoch));
    if (fresh.epoch !== epoch || fresh.point !== point) panels.forEach((panel) => panel.move(point));
    fresh = { epoch, point };
    const all = model.get("colours");
    const colours = isDark() ? all.dark : all.light;
    for (const each of CLASSES) {
      root.style.setProperty(`--anode-${each.colour}`, colours[each.colour]);
    }
    const now = Number(controls.time.input.value);
    const turn = (Number(controls.turn?.input.value ?? 0) * Math.PI) / 180;
    panels.forEach((panel) => panel.draw(now, turn, colours));
    controls.time.shown.textContent = fixed((networks[0].end * now) / (TIMES - 1));
    controls.epoch.shown.textContent = String(epochs[epoch]);
    controls.epoch.input.value = epoch;
    controls.x.shown.textContent = fixed(point[0]);
    controls.y.shown.textContent = fixed(point[1]);
    controls.x.input.value = point[0];
    controls.y.input.value = point[1];
    if (controls.turn) controls.turn.shown.textContent = `${minus(controls.turn.input.value)}°`;
    readout.textContent = words(point, epoch);
  }

  function words(point, epoch) {
    const radius = Math.hypot(...point);
    const found = panels.map((panel) => `${panel.network.label} gives ${fixed(panel.output)}`);
    const answer = model.get("answer");
    const mine = answer.networks && answer.epoch === epoch && same(answer.point, point);
    const apart = mine
      ? Math.max(...panels.map((panel, i) => Math.abs(panel.output - answer.networks[i].output)))
      : 0;
    const evaluations = mine
      ? ` The package, in this kernel: the same to ${apart.toExponential(0)}, with ` +
        `${answer.networks.map((each) => each.nfe).join(" and ")} function evaluations at the paper's tolerance.`
      : "";
    return (
      `Your point has the norm ${fixed(radius)}, ${wanted(radius)}. ${found.join("; ")}.` + evaluations
    );
  }

  const same = (a, b) => a.every((value, i) => Math.abs(value - b[i]) < 1e-9);
  const wanted = (radius) =>
    radius <= 0.5
      ? "in the ball, target −1"
      : radius < 1
        ? "in the gap, where there are no data"
        : radius <= 1.5
          ? "in the annulus, target +1"
          : "outside the annulus";

  function soon() {
    pending = pending || requestAnimationFrame(update);
  }

  function set(values) {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
    soon();
  }

  const within = (value) => Math.min(1.6, Math.max(-1.6, Math.round(value * 100) / 100));
  controls.epoch.input.addEventListener("input", (event) => set({ epoch: Number(event.target.value) }));
  for (const name of ["x", "y"]) {
    controls[name].input.addEventListener("input", () =>
      set({ point: [Number(controls.x.input.value), Number(controls.y.input.value)] }),
    );
  }
  controls.time.input.addEventListener("input", soon);
  controls.turn?.input.addEventListener("input", soon);
  for (const panel of panels) {
    const drag = (event) => {
      const box = panel.canvas.getBoundingClientRect();
      const at = panel.projection.from([event.clientX - box.left, event.clientY - box.top]);
      set({ point: at.map(within) });
    };
    panel.canvas.addEventListener("pointerdown", (event) => {
      panel.canvas.setPointerCapture(event.pointerId);
      drag(event);
    });
    panel.canvas.addEventListener("pointermove", (event) => {
      if (event.buttons) drag(event);
    });
  }
  model.on("change:answer", soon);
  model.on("change:point", soon);
  model.on("change:epoch", soon);
  const size = new ResizeObserver(soon);
  size.observe(row);
  const theme = new MutationObserver(soon);
  theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", soon);
  soon();
  return () => {
    size.disconnect();
    theme.disconnect();
    system.removeEventListener("change", soon);
  };
}

export default { render };
