// The playground's settings, and how the page's address writes them.

const among = (...choices) => ({ choices, valid: (value) => choices.includes(value) });
const within = (low, high, step) => ({
  low, high, step,
  valid: (value) => typeof value === "number" && value >= low && value <= high,
});

// Of both networks. A setting's first value is what the address may leave out.
export const SHARED = {
  data: { label: "Data", value: "annulus", ...among("annulus", "line", "separable", "moons", "spirals", "xor", "painted") },
  r1: { label: "Ball, r₁", value: 0.5, ...within(0.2, 1.3, 0.05) },
  r2: { label: "Annulus, r₂", value: 1, ...within(0.3, 1.4, 0.05) },
  rate: { label: "Learning rate", value: 0.01, ...among(0.001, 0.003, 0.01, 0.03) },
  batch: { label: "Batch size", value: 64, ...among(16, 32, 64, 128) },
  decay: { label: "Weight decay", value: 0, ...among(0, 0.0001, 0.001, 0.01) },
  seed: { label: "Seed", value: 0, ...within(0, 9999, 1) },
};

// Of each network, left and right.
export const OWN = {
  p: { label: "Zeros appended, p", value: [0, 1], ...among(0, 1, 2, 3) },
  layers: { label: "Hidden layers", value: [2, 2], ...among(1, 2) },
  hidden: { label: "Units", value: [16, 16], ...among(8, 16, 24, 32) },
  activation: { label: "Activation", value: ["relu", "relu"], ...among("relu", "tanh", "softplus") },
  time: { label: "Depends on time", value: [1, 1], ...among(0, 1) },
  tolerance: { label: "Tolerance", value: [1e-3, 1e-3], ...among(1e-2, 1e-3, 1e-4, 1e-5) },
};

export const NAMES = { relu: "ReLU", annulus: "ball and annulus", line: "the same on a line", moons: "two moons", spirals: "two spirals", xor: "XOR", painted: "your own points" };
export const MOST_POINTS = 200;

export function defaults() {
  const all = { points: [] };
  for (const [name, { value }] of Object.entries({ ...SHARED, ...OWN })) {
    all[name] = Array.isArray(value) ? [...value] : value;
  }
  return all;
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// The address's part after #, which holds what differs from the defaults.
export function written(settings) {
  const start = defaults();
  const parts = Object.keys(start)
    .filter((name) => name !== "points" && !same(settings[name], start[name]))
    .map((name) => `${name}=${[settings[name]].flat().join(",")}`);
  if (settings.data === "painted" && settings.points.length) {
    parts.push(`points=${settings.points.map((point) => point.join(",")).join(";")}`);
  }
  return parts.join("&");
}

// Settings of such a part, and complaints about what it has that is not valid.
export function read(text) {
  const settings = defaults();
  const complaints = [];
  for (const pair of text.replace(/^#/, "").split("&").filter(Boolean)) {
    const [name, given = ""] = pair.split("=");
    const known = SHARED[name] ?? OWN[name];
    if (name === "points") {
      const points = given.split(";").map((each) => each.split(",").map(Number));
      const fits = ([a, b, y]) => Math.max(Math.abs(a), Math.abs(b)) <= 2 && Math.abs(y) === 1;
      if (points.length <= MOST_POINTS && points.every((each) => each.length === 3 && fits(each))) settings.points = points;
      else complaints.push(`points must be up to ${MOST_POINTS} of x,y,class within ±2, class −1 or 1`);
    } else if (known) {
      const kind = typeof [known.value].flat()[0];
      const values = given.split(",").map((each) => (kind === "number" && each !== "" ? Number(each) : each));
      const count = OWN[name] ? 2 : 1;
      if (values.length === count && values.every(known.valid)) settings[name] = OWN[name] ? values : values[0];
      else complaints.push(`${name} must be ${count === 2 ? "two of " : ""}${known.choices?.join(", ") ?? `a number from ${known.low} to ${known.high}`}, got ${given || "nothing"}`);
    } else if (pair.includes("=")) complaints.push(`there is no setting ${name}`);
  }
  settings.seed = Math.round(settings.seed);
  if (settings.r1 >= settings.r2) {
    complaints.push(`r1 must be less than r2, got ${settings.r1} and ${settings.r2}`);
    Object.assign(settings, { r1: SHARED.r1.value, r2: SHARED.r2.value });
  }
  return { settings, complaints };
}

// The settings of one network, the left (0) or the right one (1).
export function settingsOf(settings, side) {
  const own = Object.fromEntries(Object.keys(OWN).map((name) => [name, settings[name][side]]));
  const { rate, batch, decay, seed } = settings;
  return { ...own, time: own.time === 1, rate, batch, decay, seed };
}

export const label = (settings, side) =>
  settings.p[side] ? `ANODE (p = ${settings.p[side]})` : "NODE (p = 0)";
