// "Continue in Python": the lines with the package that train the same networks.

import { OWN } from "./settings.js";

const text = (value) => (typeof value === "number" ? String(value) : JSON.stringify(value));
const bool = (value) => (value ? "True" : "False");

const CURVES = {
  moons: ["t = torch.pi * torch.rand(300, 1, generator=rng)", "curve = torch.cat([0.5 - t.cos(), 0.25 - t.sin()], 1)", 0.08],
  spirals: ["r = torch.rand(300, 1, generator=rng).sqrt()", "curve = 1.5 * r * torch.cat([(9 * r).cos(), (9 * r).sin()], 1)", 0.04],
};

function dataLines({ data, r1, r2, seed, points }) {
  if (data === "annulus" || data === "line") {
    const dim = data === "line" ? 1 : 2;
    return [`data = concentric_spheres(${dim}, 200, 400, radii=(${r1}, ${r2}, 1.5), seed=${seed})`];
  }
  if (data === "separable") return [`data = separable(2, 150, 300, seed=${seed})`];
  if (data === "painted") {
    return [
      `x = torch.tensor([${points.map(([a, b]) => `[${a}, ${b}]`).join(", ")}])`,
      `y = torch.tensor([${points.map(([, , y]) => `[${y}.0]`).join(", ")}])`,
      "data = Data(x, y)",
    ];
  }
  const rng = `rng = generator(${seed}, Stream.DATA)`;
  if (data === "xor") {
    return [
      rng,
      "x = 3 * torch.rand(300, 2, generator=rng) - 1.5",
      "x = x + 0.1 * x.sign()",
      "data = Data(x, x.prod(1, keepdim=True).sign())",
    ];
  }
  const [first, second, noise] = CURVES[data];
  return [
    rng,
    first,
    second,
    "y = torch.cat([-torch.ones(150, 1), torch.ones(150, 1)])",
    `x = y * curve + ${noise} * torch.randn(300, 2, generator=rng)`,
    "data = Data(x, y)",
  ];
}

// A field of one hidden layer, which is not among the package's.
const ONE_LAYER = `
class OneLayer(nn.Module):
    def __init__(self, dim, hidden, activation, time):
        super().__init__()
        torch.manual_seed(SEED)
        self.first, self.last = nn.Linear(dim + time, hidden), nn.Linear(hidden, dim)
        self.activation, self.time = activation, time

    def forward(self, t, h):
        h = torch.cat([h, t.expand(len(h), 1)], 1) if self.time else h
        return self.last(self.activation(self.first(h)))
`;

// The program for settings and a number of steps; it prints the first losses of both.
export function snippet(settings, epochs) {
  const { data, rate, batch, decay, seed } = settings;
  const inTorch = !["annulus", "line", "separable"].includes(data);
  const d = data === "line" ? 1 : 2;
  const shallow = settings.layers.includes(1);
  const torch = [...(inTorch || shallow ? ["import torch"] : []), ...(shallow ? ["from torch import nn"] : [])];
  const source = { annulus: "concentric_spheres", line: "concentric_spheres", separable: "separable" }[data] ?? "Data";
  const imports = [
    ...torch,
    ...(torch.length ? [""] : []),
    "from anode import NeuralODE, SolverSettings, TrainingSettings, train",
    `from anode.data import ${source}`,
    ...(shallow ? ["from anode.fields import Activation"] : []),
    ...(inTorch && data !== "painted" ? ["from anode.seeding import Stream, generator"] : []),
  ];
  const network = (side) => {
    const own = Object.fromEntries(Object.keys(OWN).map((name) => [name, settings[name][side]]));
    const field =
      own.layers === 1
        ? [`    field=OneLayer(${d + own.p}, ${own.hidden}, Activation(${text(own.activation)}), ${bool(own.time)}),`]
        : [`    hidden=${own.hidden},`, `    activation=${text(own.activation)},`, `    time_dependent=${bool(own.time)},`];
    return [
      `${side ? "right" : "left"} = NeuralODE(`,
      `    (${d},),`,
      `    augment_dim=${own.p},`,
      ...field,
      `    seeds=(${seed},),`,
      `    solver=SolverSettings(rtol=${own.tolerance}, atol=${own.tolerance}),`,
      ").double()",
    ];
  };
  return [
    ...imports,
    ...(shallow ? ["", ONE_LAYER.replace("SEED", seed)] : [""]),
    ...dataLines(settings),
    ...network(0),
    ...network(1),
    "settings = TrainingSettings(",
    `    epochs=${epochs}, batch_size=${batch}, learning_rate=${rate}, weight_decay=${decay}`,
    ")",
    "for name, model in ((\"left\", left), (\"right\", right)):",
    "    history = train(model, data, settings)",
    "    print(name, history.step_loss[0, :3], history.step_nfe[0, :3])",
    "",
  ].join("\n");
}
