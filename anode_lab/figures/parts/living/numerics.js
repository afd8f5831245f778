// Neural ODEs in the page: field, solver and gradients as in the package, in double precision.
//
// States of a batch lie in one array, sample after sample: B times dim numbers.

// The pair of Dormand and Prince (1980), with the midpoint of Shampine (1986).
const NODES = [1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1];
const STAGES = [
  [1 / 5],
  [3 / 40, 9 / 40],
  [44 / 45, -56 / 15, 32 / 9],
  [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
  [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
  [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
];
const ERROR = [
  35 / 384 - 1951 / 21600, 0, 500 / 1113 - 22642 / 50085, 125 / 192 - 451 / 720,
  -2187 / 6784 + 12231 / 42400, 11 / 84 - 649 / 6300, -1 / 60,
];
const MIDDLE = [
  6025192743 / 30085553152 / 2, 0, 51252292925 / 65400821598 / 2, -2691868925 / 45128329728 / 2,
  187940372067 / 1594534317056 / 2, -1776094331 / 19743644256 / 2, 11237099 / 235043384 / 2,
];
const COUNT = 6; // of stages after the first slope
const ORDER = 5;
const MOST = 1000; // steps between two output times

// Weights of the slopes at a part x of a step: the quartic through both ends and the middle.
function shares(x) {
  return MIDDLE.map((middle, j) => {
    const end = STAGES[5][j] ?? 0;
    const [first, last] = [j === 0 ? 1 : 0, j === COUNT ? 1 : 0];
    return (
      x * first +
      x ** 2 * (last - 4 * first - 5 * end + 16 * middle) +
      x ** 3 * (5 * first - 3 * last + 14 * end - 32 * middle) +
      x ** 4 * (2 * (last - first) - 8 * end + 16 * middle)
    );
  });
}

const ACTIVATIONS = ["relu", "tanh", "softplus"];
const [RELU, TANH] = [0, 1];

function active(kind, z) {
  if (kind === RELU) return z > 0 ? z : 0;
  if (kind === TANH) return Math.tanh(z);
  return z > 20 ? z : Math.log1p(Math.exp(z)); // torch's softplus, its threshold included
}

// The activation's slope, from its value.
function slopeOf(kind, value) {
  if (kind === RELU) return value > 0 ? 1 : 0;
  if (kind === TANH) return 1 - value * value;
  return value > 20 ? 1 : 1 - Math.exp(-value);
}

// A field dim (+ t) -> hidden (-> hidden) -> dim, the package's MLPField, and a linear layer.
export class Network {
  constructor({ dim, hidden, layers = 2, activation = "relu", time = true }) {
    Object.assign(this, { dim, hidden, layers, time, kind: ACTIVATIONS.indexOf(activation) });
    if (this.kind < 0) throw new RangeError(`activation must be one of ${ACTIVATIONS}, got ${activation}`);
    this.shapes = [
      ["w1", dim * hidden],
      ["wt", time ? hidden : 0],
      ["b1", hidden],
      ["w2", layers === 2 ? hidden * hidden : 0],
      ["b2", layers === 2 ? hidden : 0],
      ["w3", hidden * dim],
      ["b3", dim],
      ["head", dim],
      ["bias", 1],
    ];
    this.size = this.shapes.reduce((sum, [, length]) => sum + length, 0);
    this.weights = new Float64Array(this.size);
    Object.assign(this, this.parts(this.weights));
    this.shifted = new Float64Array(hidden);
    this.back1 = new Float64Array(hidden);
    this.back2 = new Float64Array(hidden);
  }

  // The weights of each name within all weights, without a copy.
  parts(all) {
    const found = {};
    let start = 0;
    for (const [name, length] of this.shapes) {
      found[name] = all.subarray(start, start + length);
      start += length;
    }
    return found;
  }

  // Room for the hidden units of a batch, which the way back needs.
  tape(batch) {
    const units = () => new Float64Array(batch * this.hidden);
    return { one: units(), two: this.layers === 2 ? units() : null };
  }

  // Slopes of a batch at the time t, written to `slopes`.
  evaluate(t, h, batch, slopes, { one, two }) {
    const { dim, hidden, kind, w1, wt, b1, w2, b2, w3, b3, shifted } = this;
    for (let j = 0; j < hidden; j++) shifted[j] = b1[j] + (this.time ? t * wt[j] : 0);
    for (let b = 0; b < batch; b++) {
      const [at, unit] = [b * dim, b * hidden];
      for (let j = 0; j < hidden; j++) {
        let z = shifted[j];
        for (let i = 0; i < dim; i++) z += h[at + i] * w1[i * hidden + j];
        one[unit + j] = active(kind, z);
      }
      if (two) {
        for (let j = 0; j < hidden; j++) two[unit + j] = b2[j];
        for (let i = 0; i < hidden; i++) {
          const value = one[unit + i];
          if (value === 0) continue;
          for (let j = 0; j < hidden; j++) two[unit + j] += value * w2[i * hidden + j];
        }
        for (let j = 0; j < hidden; j++) two[unit + j] = active(kind, two[unit + j]);
      }
      const last = two ?? one;
      for (let i = 0; i < dim; i++) slopes[at + i] = b3[i];
      for (let j = 0; j < hidden; j++) {
        const value = last[unit + j];
        for (let i = 0; i < dim; i++) slopes[at + i] += value * w3[j * dim + i];
      }
    }
  }

  // Gradient of the states from that of the slopes, `g`; those of the weights are added to `sums`.
  pullBack(t, h, batch, g, { one, two }, states, sums) {
    const { dim, hidden, kind, w1, w2, w3, back1, back2 } = this;
    for (let b = 0; b < batch; b++) {
      const [at, unit] = [b * dim, b * hidden];
      const last = two ?? one;
      const back = two ? back2 : back1;
      for (let i = 0; i < dim; i++) sums.b3[i] += g[at + i];
      for (let j = 0; j < hidden; j++) {
        const value = last[unit + j];
        let sum = 0;
        for (let i = 0; i < dim; i++) {
          sum += g[at + i] * w3[j * dim + i];
          sums.w3[j * dim + i] += value * g[at + i];
        }
        back[j] = sum * slopeOf(kind, value);
      }
      if (two) {
        for (let j = 0; j < hidden; j++) sums.b2[j] += back2[j];
        for (let i = 0; i < hidden; i++) {
          const value = one[unit + i];
          const slope = slopeOf(kind, value);
          let sum = 0;
          if (slope !== 0) for (let j = 0; j < hidden; j++) sum += w2[i * hidden + j] * back2[j];
          if (value !== 0) for (let j = 0; j < hidden; j++) sums.w2[i * hidden + j] += value * back2[j];
          back1[i] = sum * slope;
        }
      }
      for (let j = 0; j < hidden; j++) {
        sums.b1[j] += back1[j];
        if (this.time) sums.wt[j] += t * back1[j];
      }
      for (let i = 0; i < dim; i++) {
        let sum = 0;
        for (let j = 0; j < hidden; j++) {
          sum += w1[i * hidden + j] * back1[j];
          sums.w1[i * hidden + j] += h[at + i] * back1[j];
        }
        states[at + i] = sum;
      }
    }
  }

  // The linear layer's output for the state that begins at `at`.
  output(states, at = 0) {
    let sum = this.bias[0];
    for (let i = 0; i < this.dim; i++) sum += states[at + i] * this.head[i];
    return sum;
  }
}

// dopri5 for a batch as one problem, with the steps of the package; its arrays are used again.
export class Solver {
  constructor(network, batch, tolerance = 1e-3, keep = false) {
    const n = batch * network.dim;
    Object.assign(this, { network, batch, tolerance, keep, n });
    const state = () => new Float64Array(n);
    this.slopes = Array.from({ length: COUNT + 1 }, state);
    [this.y, this.ahead, this.gy, this.gf, this.g] = Array.from({ length: 5 }, state);
    this.states = Array.from({ length: COUNT }, state); // gradients of the stages
    this.start = { y: state(), tape: network.tape(batch), t: 0 };
    this.steps = []; // records of steps; the first `taken` were accepted
    this.taken = 0;
  }

  record() {
    const { n, network, batch } = this;
    return (this.steps[this.taken] ??= {
      dt: 0,
      times: new Float64Array(COUNT),
      stages: Array.from({ length: COUNT }, () => new Float64Array(n)),
      tapes: Array.from({ length: COUNT }, () => network.tape(batch)),
    });
  }

  // States at the times, the first of which is where `start` is. They may decrease.
  solve(start, times) {
    const { network, batch, n, y, slopes } = this;
    const sign = times[1] < times[0] ? -1 : 1;
    y.set(start);
    this.start.y.set(start);
    this.start.t = times[0];
    this.taken = 0;
    let t = sign * times[0];
    network.evaluate(times[0], y, batch, slopes[0], this.start.tape);
    let dt = this.firstStep(t, sign);
    const states = [Float64Array.from(start)];
    let [made, since] = [0, 0];
    while (states.length < times.length) {
      let status = "";
      if (since >= MOST) status = "too many steps";
      else if (!Number.isFinite(dt) || dt === 0) status = "not finite";
      else if (!(t + dt > t)) status = "steps too small";
      if (status) return { states, nfe: 2 + COUNT * made, status };
      const step = this.record();
      const ratio = this.attempt(t, dt, sign, step);
      made += 1;
      since += 1;
      if (ratio <= 1) {
        while (states.length < times.length && sign * times[states.length] <= t + dt) {
          const x = Math.min(Math.max((sign * times[states.length] - t) / dt, 0), 1);
          step.shares = shares(x).map((share) => sign * dt * share);
          const found = new Float64Array(n);
          this.combine(found, y, step.shares, COUNT + 1, 1);
          states.push(found);
          since = 0;
        }
        t += dt;
        y.set(step.stages[COUNT - 1]);
        [slopes[0], slopes[COUNT]] = [slopes[COUNT], slopes[0]];
        if (this.keep) this.taken += 1;
      }
      const factor = Math.max(0.9 / ratio ** (1 / ORDER), ratio < 1 ? 1 : 0.2);
      dt *= Math.min(factor, 10);
    }
    return { states, nfe: 2 + COUNT * made, status: "" };
  }

  firstStep(t, sign) {
    const { network, batch, n, y, slopes, ahead, tolerance } = this;
    const f = slopes[0];
    const rms = (value) => {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += (value(i) / (tolerance + Math.abs(y[i]) * tolerance)) ** 2;
      return Math.sqrt(sum / n);
    };
    const size = rms((i) => y[i]);
    const slope = rms((i) => f[i]);
    const guess = size < 1e-5 || slope < 1e-5 ? 1e-6 : (0.01 * size) / slope;
    for (let i = 0; i < n; i++) ahead[i] = y[i] + sign * guess * f[i];
    const { tapes } = this.record();
    network.evaluate(sign * (t + guess), ahead, batch, slopes[1], tapes[0]);
    const bend = rms((i) => slopes[1][i] - f[i]) / guess;
    const flat = slope <= 1e-15 && bend <= 1e-15;
    const step = flat
      ? Math.max(1e-6, guess * 1e-3)
      : (0.01 / (bend > slope ? bend : slope)) ** (1 / ORDER);
    return Math.min(100 * guess, step);
  }

  // Try a step; its error over the tolerance.
  attempt(t, dt, sign, step) {
    const { network, batch, n, y, slopes, tolerance } = this;
    step.dt = sign * dt;
    step.shares = null;
    for (let i = 0; i < COUNT; i++) {
      step.times[i] = sign * (t + NODES[i] * dt);
      this.combine(step.stages[i], y, STAGES[i], i + 1, step.dt);
      network.evaluate(step.times[i], step.stages[i], batch, slopes[i + 1], step.tapes[i]);
    }
    const end = step.stages[COUNT - 1];
    let square = 0;
    for (let e = 0; e < n; e++) {
      let error = 0;
      for (let j = 0; j <= COUNT; j++) error += ERROR[j] * slopes[j][e];
      const scale = tolerance * (1 + Math.max(Math.abs(y[e]), Math.abs(end[e])));
      square += ((step.dt * error) / scale) ** 2;
    }
    return Math.sqrt(square / n);
  }

  // sum = y + factor times the first `count` slopes, weighted.
  combine(sum, y, weights, count, factor) {
    sum.set(y);
    for (let j = 0; j < count; j++) {
      const weight = factor * weights[j];
      if (weight === 0) continue;
      const slope = this.slopes[j];
      for (let e = 0; e < this.n; e++) sum[e] += weight * slope[e];
    }
  }

  // Gradient of the start from that of the state at the last time, through the accepted steps;
  // those of the weights are added to `sums`. The step control is not differentiated.
  pullBack(gradient, sums) {
    const { network, batch, n, gy, gf, g, states } = this;
    gy.fill(0);
    gf.fill(0);
    for (let m = this.taken - 1; m >= 0; m--) {
      const step = this.steps[m];
      const owed = step.shares; // of the state at the last time
      for (let e = 0; e < n; e++) g[e] = gf[e] + (owed ? owed[COUNT] * gradient[e] : 0);
      for (let i = COUNT - 1; i >= 0; i--) {
        const own = states[i];
        network.pullBack(step.times[i], step.stages[i], batch, g, step.tapes[i], own, sums);
        if (i === COUNT - 1) for (let e = 0; e < n; e++) own[e] += gy[e];
        // Slope i went into the stages after it, and into the state at the last time.
        for (let e = 0; e < n; e++) g[e] = owed ? owed[i] * gradient[e] : 0;
        for (let j = i; j < COUNT; j++) {
          const weight = step.dt * STAGES[j][i];
          if (weight !== 0) for (let e = 0; e < n; e++) g[e] += weight * states[j][e];
        }
      }
      gf.set(g);
      for (let e = 0; e < n; e++) gy[e] = owed ? gradient[e] : 0;
      for (let i = 0; i < COUNT; i++) for (let e = 0; e < n; e++) gy[e] += states[i][e];
    }
    network.pullBack(this.start.t, this.start.y, batch, gf, this.start.tape, states[0], sums);
    for (let e = 0; e < n; e++) gy[e] += states[0][e];
    return gy;
  }
}

// `count` evenly spaced times of [0, end].
export function evenly(count, end) {
  return Array.from({ length: count }, (_, i) => (end * i) / (count - 1));
}
