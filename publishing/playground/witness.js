// The point of the rim that a Neural ODE without augmentation gets wrong.
//
// The output falls along the escape curve of the centre, which leads to infinity: the features of
// its points lie on a ray against the linear layer's weights. It crosses the rim of the annulus.

import { Solver } from "../../anode_lab/figures/parts/living/numerics.js";

const ACCURATE = 1e-9;
const POINTS = 160; // of the curve that is drawn
const LONGEST = 2 ** 40;

// The witness on the sphere of a radius of a network with p = 0, and the escape curve from the centre as far as `far`.
//
// `centre` is the output at 0. Where it is not negative, the centre itself is wrong. Where no point
// is found, because the linear layer is 0 or a solve fails, `point` is null.
export function witness(network, radius, far = radius) {
  const solver = new Solver(network, 1, ACCURATE);
  const flow = (start, times) => {
    const { states, status } = solver.solve(start, times);
    return status ? null : [...states[1]];
  };
  const features = flow(new Float64Array(network.dim), [0, 1]);
  const fall = Math.hypot(...network.head);
  if (!features || fall === 0) return { point: null, centre: network.bias[0], curve: [] };
  const centre = network.output(features);
  const at = (s) => flow(features.map((value, i) => value - (s * network.head[i]) / fall), [1, 0]);
  const norm = (point) => (point ? Math.hypot(...point) : NaN);
  const reach = (distance) => {
    let [low, high] = [0, 1];
    while (norm(at(high)) < distance && high < LONGEST) [low, high] = [high, 2 * high];
    for (let i = 0; i < 60; i++) {
      const middle = (low + high) / 2;
      if (norm(at(middle)) < distance) low = middle;
      else high = middle;
    }
    return high;
  };
  // The curve moves by much where the flow squeezes, so s is refined until neighbours are close.
  const end = reach(far);
  let curve = [0, end].map((s) => ({ s, point: at(s) }));
  for (let longest = far / 40; curve.length < POINTS; ) {
    const finer = curve.flatMap((one, i) => {
      const next = curve[i + 1];
      if (!next || !one.point || !next.point) return [one];
      const gap = Math.hypot(...next.point.map((value, i) => value - one.point[i]));
      const s = (one.s + next.s) / 2;
      return gap > longest ? [one, { s, point: at(s) }] : [one];
    });
    if (finer.length === curve.length) break;
    curve = finer;
  }
  const found = at(reach(radius)); // on the rim but for the solver's error
  const point = found && found.map((value) => (value * radius) / norm(found));
  const arrived = point && flow(point, [0, 1]);
  return {
    point,
    output: arrived ? network.output(arrived) : NaN,
    centre,
    curve: curve.filter((each) => each.point).map((each) => each.point),
  };
}
