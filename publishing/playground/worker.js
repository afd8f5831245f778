// A network's side of the playground: it answers what the page asks, in a worker of its own.

import { OUTER } from "./data.js";
import { Training, featuresOf, outputs, paths } from "./training.js";
import { witness } from "./witness.js";

export const SIDE = 1.75; // the window is [-SIDE, SIDE] squared
const CELLS = { rough: 56, fine: 112 }; // cells of its grid along a side, while it trains and at a stop
const TIMES = 13; // of the paths that are drawn
const PATHS = 12; // of each class
const KEPT = 200; // sets of weights that the scrubber may go back to

export const centre = (cell, cells) => SIDE * ((2 * cell + 1) / cells - 1);

// Middles of the cells, row by row from the top; of a line, of one row.
function grid(inputs, cells) {
  if (inputs === 1) return Float64Array.from({ length: cells }, (_, k) => centre(k, cells));
  const x = new Float64Array(2 * cells * cells);
  for (let row = 0; row < cells; row++) {
    for (let column = 0; column < cells; column++) {
      x[2 * (row * cells + column)] = centre(column, cells);
      x[2 * (row * cells + column) + 1] = -centre(row, cells);
    }
  }
  return x;
}

// Target of g at a distance from 0: −1 in the ball, +1 in the annulus, 0 where g is not defined.
export function target(radius, { r1, r2 }) {
  if (radius <= r1) return -1;
  return radius >= r2 && radius <= OUTER ? 1 : 0;
}

// Answers of one network. `start` is asked first; all else refers to it.
export class Side {
  start({ settings, data, radii }) {
    this.training = new Training(settings, data);
    this.radii = radii; // null where the data are not g's
    this.kept = [];
    this.every = 1;
    this.keep();
    this.paths = this.some(data);
    return this.training.perEpoch;
  }

  some({ x, y }) {
    const chosen = [-1, 1].flatMap((each) => [...y.keys()].filter((b) => y[b] === each).slice(0, PATHS));
    const { inputs } = this.training;
    return Float64Array.from(chosen.flatMap((b) => [...x.subarray(inputs * b, inputs * (b + 1))]));
  }

  // Weights are kept at evenly spaced steps; every other one goes when there are too many.
  keep() {
    const { made, network } = this.training;
    if (made % this.every) return;
    this.kept.push({ made, weights: Float64Array.from(network.weights) });
    if (this.kept.length > KEPT) {
      this.every *= 2;
      this.kept = this.kept.filter((each) => each.made % this.every === 0);
    }
  }

  train({ steps }) {
    const { training } = this;
    const [losses, nfe] = [[], []];
    for (let i = 0; i < steps && !training.failed; i++) {
      const found = training.step();
      if (training.failed) break;
      losses.push(found.loss);
      nfe.push(found.nfe);
      this.keep();
    }
    return { losses, nfe, made: training.made, failed: training.failed };
  }

  // What is drawn of the network now, or as it was at about `step`, with the path of a `point`.
  // `search` finds the witness.
  view({ step = null, point = null, search = false }) {
    const { training } = this;
    const { network, data, inputs } = training;
    const cells = search ? CELLS.fine : CELLS.rough;
    const x = grid(inputs, inputs === 1 ? 4 * cells : cells);
    const now = Float64Array.from(network.weights);
    const past = step === null ? null : this.kept.findLast((each) => each.made <= step);
    if (past) network.weights.set(past.weights);
    const features = featuresOf(training, data.x);
    const found = {
      made: past ? past.made : training.made,
      cells: inputs === 1 ? x.length : cells,
      grid: outputs(training, featuresOf(training, x), x.length / inputs),
      features,
      paths: paths(training, this.paths, TIMES),
      chosen: point && paths(training, point.slice(0, inputs), TIMES),
      head: [...network.head],
      bias: network.bias[0],
      dim: network.dim,
      witness: null,
    };
    if (search && this.radii && network.dim === inputs) {
      found.witness = witness(network, this.radii.r2, SIDE);
    }
    found.wrong = this.wrong(x, found);
    network.weights.set(now);
    return found;
  }

  // Points that are misclassified: of the grid within ball and annulus, or else of the data.
  wrong(x, { grid, features }) {
    let [wrong, count] = [0, 0];
    const look = (output, wanted) => {
      if (!wanted) return;
      count += 1;
      if (!(output * wanted > 0)) wrong += 1;
    };
    if (this.radii) {
      const { inputs } = this.training;
      grid.forEach((output, k) => {
        const radius = Math.hypot(x[inputs * k], inputs === 2 ? x[2 * k + 1] : 0);
        look(output, target(radius, this.radii));
      });
    } else {
      const { y } = this.training.data;
      outputs(this.training, features, y.length).forEach((output, b) => look(output, y[b]));
    }
    return { wrong, count };
  }
}

// Let `scope`, a worker's, answer messages {id, ask, ...}.
export function serve(scope) {
  const side = new Side();
  scope.onmessage = ({ data: { id, ask, ...given } }) => {
    try {
      scope.postMessage({ id, answer: side[ask](given) });
    } catch (error) {
      scope.postMessage({ id, error: String(error) });
    }
  };
}
