// Training as in the package: its initial weights, its order of the data, its loss and its Adam.

import { Network, Solver, evenly } from "../../anode_lab/figures/parts/living/numerics.js";
import { Generator } from "./random.js";

const [FIRST, SECOND, EPS] = [0.9, 0.999, 1e-8]; // Adam's usual constants

// Weights drawn as the package draws them for a seed.
export function drawn(network, seed) {
  const { dim, hidden, layers, time } = network;
  const inputs = dim + (time ? 1 : 0);
  const draw = (rng, size, fan) => rng.uniform(size, -1 / Math.sqrt(fan), 1 / Math.sqrt(fan));
  if (layers === 1) { // torch's nn.Linear, which keeps outputs first; see snippet.js
    const rng = new Generator(seed);
    const turned = (found, rows, columns, into) => {
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < columns; j++) into(j, i)[0] = found[i * columns + j];
      }
    };
    const first = draw(rng, hidden * inputs, inputs);
    turned(first, hidden, inputs, (j, i) =>
      j < dim ? network.w1.subarray(j * hidden + i) : network.wt.subarray(i),
    );
    network.b1.set(draw(rng, hidden, inputs));
    turned(draw(rng, dim * hidden, hidden), dim, hidden, (j, i) => network.w3.subarray(j * dim + i));
    network.b3.set(draw(rng, dim, hidden));
  } else {
    const rng = Generator.of(seed, "weights");
    const first = draw(rng, inputs * hidden, inputs);
    network.w1.set(first.subarray(0, dim * hidden));
    network.wt.set(first.subarray(dim * hidden));
    network.b1.set(draw(rng, hidden, inputs));
    network.w2.set(draw(rng, hidden * hidden, hidden));
    network.b2.set(draw(rng, hidden, hidden));
    network.w3.set(draw(rng, hidden * dim, hidden));
    network.b3.set(draw(rng, dim, hidden));
  }
  const rng = Generator.of(seed, "head");
  network.head.set(draw(rng, dim, dim));
  network.bias.set(draw(rng, 1, dim));
}

// The Huber loss of a batch with threshold 1; `slopes` gets its gradient.
function huber(outputs, targets, slopes) {
  const count = targets.length;
  let sum = 0;
  for (let b = 0; b < count; b++) {
    const off = outputs[b] - targets[b];
    sum += Math.abs(off) < 1 ? (off * off) / 2 : Math.abs(off) - 0.5;
    slopes[b] = Math.min(Math.max(off, -1), 1) / count;
  }
  return sum / count;
}

// One network in training. `settings`: of the network, the solver and Adam; `data`: inputs x, one
// after another, and targets y.
export class Training {
  constructor(settings, data) {
    Object.assign(this, settings);
    this.data = data;
    this.count = data.y.length;
    this.inputs = data.inputs; // d, the dimension of an input
    this.network = new Network({ ...settings, dim: this.inputs + settings.p });
    drawn(this.network, settings.seed);
    const { size } = this.network;
    [this.gradient, this.mean, this.square] = [0, 0, 0].map(() => new Float64Array(size));
    this.sums = this.network.parts(this.gradient);
    this.orders = Generator.of(settings.seed, "order");
    this.solvers = new Map(); // by the size of the batch: the last one of an epoch may be smaller
    this.made = 0;
    this.failed = "";
  }

  get perEpoch() {
    return Math.ceil(this.count / this.batch);
  }

  // States at time 0: inputs with zeros appended.
  augmented(x, which = null) {
    const { inputs } = this;
    const { dim } = this.network;
    const count = which ? which.length : x.length / inputs;
    const start = new Float64Array(count * dim);
    for (let b = 0; b < count; b++) {
      const from = inputs * (which ? which[b] : b);
      for (let i = 0; i < inputs; i++) start[b * dim + i] = x[from + i];
    }
    return start;
  }

  // Loss and evaluations of the next step; the weights change unless something is not finite.
  step() {
    const within = this.made % this.perEpoch;
    if (within === 0) this.order = this.orders.permutation(this.count);
    const which = this.order.subarray(within * this.batch, (within + 1) * this.batch);
    const found = this.gradients(this.augmented(this.data.x, which), which);
    let sum = found.loss;
    for (const value of this.gradient) sum += value;
    this.failed = found.status || (Number.isFinite(sum) ? "" : "not finite");
    if (!this.failed) this.adam();
    return found;
  }

  gradients(start, which) {
    const { network, gradient, sums } = this;
    const size = which.length;
    if (!this.solvers.has(size)) {
      const units = () => new Float64Array(size);
      const solver = new Solver(network, size, this.tolerance, true);
      const back = new Float64Array(size * network.dim);
      this.solvers.set(size, { solver, back, targets: units(), outputs: units(), slopes: units() });
    }
    const { solver, back, targets, outputs, slopes } = this.solvers.get(size);
    const { states, nfe, status } = solver.solve(start, [0, 1]);
    if (status) return { loss: NaN, nfe, status };
    for (let b = 0; b < size; b++) {
      outputs[b] = network.output(states[1], b * network.dim);
      targets[b] = this.data.y[which[b]];
    }
    const loss = huber(outputs, targets, slopes);
    gradient.fill(0);
    for (let b = 0; b < size; b++) {
      sums.bias[0] += slopes[b];
      for (let i = 0, at = b * network.dim; i < network.dim; i++, at++) {
        sums.head[i] += slopes[b] * states[1][at];
        back[at] = slopes[b] * network.head[i];
      }
    }
    solver.pullBack(back, sums);
    return { loss, nfe, status: "" };
  }

  adam() {
    this.made += 1;
    const { weights } = this.network;
    const { gradient, mean, square, rate, decay, made } = this;
    const root = Math.sqrt(1 - SECOND ** made);
    const speed = rate / (1 - FIRST ** made);
    for (let i = 0; i < weights.length; i++) {
      const g = gradient[i] + decay * weights[i];
      mean[i] += (1 - FIRST) * (g - mean[i]);
      square[i] = SECOND * square[i] + (1 - SECOND) * g * g;
      weights[i] -= (speed * mean[i]) / (Math.sqrt(square[i]) / root + EPS);
    }
  }
}

// Features of inputs x; null where the solve fails.
export const featuresOf = (training, x) => paths(training, x, 2)[1] ?? null;

// Outputs for the features of `count` inputs; NaN without them.
export function outputs({ network }, features, count) {
  return Float64Array.from({ length: count }, (_, b) =>
    features ? network.output(features, b * network.dim) : NaN,
  );
}

// Paths of inputs x at `count` times; fewer where the solve fails.
export function paths(training, x, count) {
  const { network } = training;
  const solver = new Solver(network, x.length / training.inputs, training.tolerance);
  return solver.solve(training.augmented(x), evenly(count, 1)).states;
}
