// The points that the playground trains on: as the package draws them for a seed, where it has them.

import { Generator } from "./random.js";

export const OUTER = 1.5; // r3, the annulus's outer radius
const HALF = 150; // points of each class where both have as many

// Points of uniform density in a shell of dimension d (anode.data.toy.uniform_shell).
function shell(count, inner, outer, rng, d = 2) {
  const direction = rng.normal(d * count);
  const volume = rng.uniform(count);
  const width = Math.fround(outer ** d - inner ** d);
  const x = new Float64Array(d * count);
  for (let b = 0; b < count; b++) {
    const norm = Math.fround(Math.hypot(...direction.subarray(d * b, d * (b + 1))));
    const power = Math.fround(Math.fround(volume[b] * width) + Math.fround(inner ** d));
    const radius = Math.fround(power ** (1 / d));
    for (let i = d * b; i < d * (b + 1); i++) {
      x[i] = Math.fround(Math.fround(direction[i] / norm) * radius);
    }
  }
  return x;
}

function classes(negative, positive, d = 2) {
  const y = new Float64Array((negative.length + positive.length) / d).fill(1);
  y.fill(-1, 0, negative.length / d);
  return { x: Float64Array.of(...negative, ...positive), y };
}

const single = (value) => Math.fround(value);

// A curve of each class with noise: `curve` gives a point of the positive one for a number of [0, 1).
function curves(rng, noise, curve) {
  const at = rng.uniform(2 * HALF);
  const off = rng.normal(4 * HALF);
  const y = new Float64Array(2 * HALF).fill(1);
  y.fill(-1, 0, HALF);
  const x = new Float64Array(4 * HALF);
  at.forEach((value, b) => {
    curve(value).forEach((part, i) => (x[2 * b + i] = single(y[b] * part + noise * off[2 * b + i])));
  });
  return { x, y };
}

export const DATA = {
  annulus: ({ r1, r2 }, rng) => classes(shell(200, 0, r1, rng), shell(400, r2, OUTER, rng)),
  line: ({ r1, r2 }, rng) => classes(shell(200, 0, r1, rng, 1), shell(400, r2, OUTER, rng, 1), 1),
  separable: (_, rng) => {
    const [negative, positive] = [shell(150, 0, 0.4, rng), shell(300, 0, 0.8, rng)];
    const moved = (x, by) => x.map((value, i) => (i % 2 ? value : single(value + by)));
    return classes(moved(negative, -1), moved(positive, 1));
  },
  moons: (_, rng) =>
    curves(rng, 0.08, (value) => [0.5 - Math.cos(Math.PI * value), 0.25 - Math.sin(Math.PI * value)]),
  spirals: (_, rng) =>
    curves(rng, 0.04, (value) => {
      const r = Math.sqrt(value);
      return [1.5 * r * Math.cos(9 * r), 1.5 * r * Math.sin(9 * r)];
    }),
  xor: (_, rng) => {
    const x = rng.uniform(4 * HALF).map((value) => {
      const even = single(3 * value - 1.5);
      return single(even + 0.1 * Math.sign(even));
    });
    const y = Float64Array.from({ length: 2 * HALF }, (_, b) => Math.sign(x[2 * b] * x[2 * b + 1]));
    return { x, y };
  },
  painted: ({ points }) => ({
    x: Float64Array.from(points.flatMap(([a, b]) => [single(a), single(b)])),
    y: Float64Array.from(points.map(([, , y]) => y)),
  }),
};

// Whether the data are those of g, on the line or in the plane.
export const isG = ({ data }) => data === "annulus" || data === "line";

// Inputs x, one after another, their dimension, and targets y.
export function dataOf(settings) {
  const made = DATA[settings.data](settings, Generator.of(settings.seed, "data"));
  return { ...made, inputs: settings.data === "line" ? 1 : 2 };
}
