// What pages draw: states in the plane and in space, paths, marks and the linear layer's boundary.

const TILT = (20 * Math.PI) / 180;

// The pen of a canvas of this size, empty and as fine as the screen.
export function penOf(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  Object.assign(canvas, { width: width * ratio, height: height * ratio });
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.font = "12px system-ui, sans-serif";
  return pen;
}

// Where states go on the canvas: the plane as it is, space turned about its third axis.
export function projection(limits, turn, size) {
  const [width, height] = size;
  const mid = limits.map(([low, high]) => (low + high) / 2);
  const half = limits.map(([low, high]) => (high - low) / 2);
  if (limits.length === 2) {
    const left = 34;
    const scale = Math.min(width - left - 8, height - 34) / 2;
    const centre = [left + (width - left - 8) / 2, (height - 34) / 2 + 6];
    return {
      to: ([x, y]) => [
        centre[0] + (scale * (x - mid[0])) / half[0],
        centre[1] - (scale * (y - mid[1])) / half[1],
      ],
      from: ([u, v]) => [
        mid[0] + (half[0] * (u - centre[0])) / scale,
        mid[1] - (half[1] * (v - centre[1])) / scale,
      ],
    };
  }
  const [c, s] = [Math.cos(turn), Math.sin(turn)];
  const [ct, st] = [Math.cos(TILT), Math.sin(TILT)];
  const scale = Math.min(width, height) / 3.1;
  const centre = [width / 2, height / 2];
  return {
    to: (h) => {
      const [x, y, z] = [0, 1, 2].map((i) => (h[i] - mid[i]) / half[i]);
      const across = c * x - s * y;
      const deep = s * x + c * y;
      return [centre[0] + scale * across, centre[1] - scale * (ct * z + st * deep)];
    },
    // Of inputs, which lie where the third coordinate is 0.
    from: ([u, v]) => {
      const z = -mid[2] / half[2];
      const across = (u - centre[0]) / scale;
      const deep = (-(v - centre[1]) / scale - ct * z) / st;
      return [mid[0] + half[0] * (c * across + s * deep), mid[1] + half[1] * (c * deep - s * across)];
    },
  };
}

// Limits that hold all states; what hardly moves is not magnified.
export function limitsOf(paths, dim) {
  const limits = Array.from({ length: dim }, () => [Infinity, -Infinity]);
  for (const path of paths) {
    for (const state of path) {
      limits.forEach((pair, i) => {
        pair[0] = Math.min(pair[0], state[i]);
        pair[1] = Math.max(pair[1], state[i]);
      });
    }
  }
  const widest = Math.max(...limits.map(([low, high]) => high - low));
  const least = dim === 2 ? widest : widest / 2;
  return limits.map(([low, high]) => {
    const room = Math.max((least - (high - low)) / 2, 0) + 0.04 * widest;
    return [low - room, high + room];
  });
}

// Corners of the line or plane where a linear layer gives 0, within the limits.
function boundary(layer, limits) {
  const dim = limits.length;
  const found = [];
  const corners = 2 ** dim;
  const corner = (k) => limits.map((pair, i) => pair[(k >> i) & 1]);
  for (let k = 0; k < corners; k++) {
    for (let i = 0; i < dim; i++) {
      const other = k | (1 << i);
      if (other === k) continue;
      const [a, b] = [corner(k), corner(other)];
      const [low, high] = [layer.output(a), layer.output(b)];
      if (low * high < 0) {
        const share = low / (low - high);
        found.push(a.map((value, j) => value + share * (b[j] - value)));
      }
    }
  }
  return found;
}

export function ticks([low, high]) {
  const raw = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((each) => each * power >= raw) * power;
  const all = [];
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) all.push(at);
  return all.map((at) => Number(at.toPrecision(6)));
}

export const minus = (text) => String(text).replace("-", "−");
export const fixed = (value, digits = 2) => minus(value.toFixed(digits));

export function frame(pen, to, limits, colours, [first, second, third] = ["h₁", "h₂", "a₁"]) {
  const [x, y, z] = limits;
  // Numbers along an axis that leave room for its name.
  const number = (axis, at, end, du) => {
    for (const each of ticks(axis)) {
      const [u, v] = to(at(each));
      if (v - to(at(end))[1] > 14) pen.fillText(minus(each), u + du, v + 4);
    }
  };
  pen.fillStyle = colours.ink;
  if (!z) {
    const corners = [[x[0], y[0]], [x[1], y[0]], [x[1], y[1]], [x[0], y[1]], [x[0], y[0]]];
    line(pen, corners.map(to), colours.grid, 1, 1);
    pen.textAlign = "center";
    for (const at of ticks(x)) pen.fillText(minus(at), ...shifted(to([at, y[0]]), 0, 15));
    pen.fillText(first, ...shifted(to([(x[0] + x[1]) / 2, y[0]]), 0, 28));
    pen.textAlign = "right";
    number(y, (at) => [x[0], at], y[1], -5);
    pen.fillText(second, ...shifted(to([x[0], y[1]]), -5, 6));
    return;
  }
  for (const b of y) line(pen, [[x[0], b, z[0]], [x[1], b, z[0]]].map(to), colours.grid, 1, 1);
  for (const a of x) {
    line(pen, [[a, y[0], z[0]], [a, y[1], z[0]]].map(to), colours.grid, 1, 1);
    for (const b of y) line(pen, [[a, b, z[0]], [a, b, z[1]]].map(to), colours.grid, 0.7, 0.8);
  }
  pen.textAlign = "center";
  const middle = [(x[0] + x[1]) / 2, (y[0] + y[1]) / 2];
  pen.fillText(first, ...shifted(to([middle[0], y[0], z[0]]), 0, 14));
  pen.fillText(second, ...shifted(to([x[1], middle[1], z[0]]), 0, 14));
  pen.fillText(third, ...shifted(to([x[0], y[0], z[1]]), 0, -5));
  number(z, (at) => [x[0], y[0], at], z[1], -12);
}

// Where a linear layer gives 0.
export function divide(pen, to, layer, limits, colours) {
  const corners = boundary(layer, limits).map(to);
  if (corners.length < 2) return;
  if (limits.length === 2) {
    pen.setLineDash([5, 4]);
    line(pen, corners.slice(0, 2), colours.ink, 1.2, 0.8);
    pen.setLineDash([]);
    return;
  }
  const centre = [0, 1].map((i) => corners.reduce((sum, c) => sum + c[i], 0) / corners.length);
  corners.sort(
    (a, b) =>
      Math.atan2(a[1] - centre[1], a[0] - centre[0]) - Math.atan2(b[1] - centre[1], b[0] - centre[0]),
  );
  pen.beginPath();
  corners.forEach((corner, i) => (i ? pen.lineTo(...corner) : pen.moveTo(...corner)));
  pen.closePath();
  pen.globalAlpha = 0.18;
  pen.fillStyle = colours.ink;
  pen.fill();
  pen.globalAlpha = 1;
}

export const shifted = ([u, v], du, dv) => [u + du, v + dv];

export function line(pen, points, colour, width, alpha) {
  pen.globalAlpha = alpha;
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.beginPath();
  points.forEach((point, i) => (i ? pen.lineTo(...point) : pen.moveTo(...point)));
  pen.stroke();
  pen.globalAlpha = 1;
}

// Discs for the ball, triangles for the annulus: not told by colour alone.
export function marks(pen, points, target, colour) {
  pen.fillStyle = colour;
  pen.beginPath();
  for (const [u, v] of points) {
    if (target < 0) {
      pen.moveTo(u + 2.6, v);
      pen.arc(u, v, 2.6, 0, 2 * Math.PI);
    } else {
      pen.moveTo(u, v - 3.6);
      pen.lineTo(u + 3.2, v + 2.4);
      pen.lineTo(u - 3.2, v + 2.4);
    }
  }
  pen.fill();
}

export function crosses(pen, points, colour) {
  pen.strokeStyle = colour;
  pen.lineWidth = 1.2;
  pen.beginPath();
  for (const [u, v] of points) {
    pen.moveTo(u - 2, v - 2);
    pen.lineTo(u + 2, v + 2);
    pen.moveTo(u - 2, v + 2);
    pen.lineTo(u + 2, v - 2);
  }
  pen.stroke();
}

export function ring(pen, [u, v], colour) {
  pen.strokeStyle = colour;
  pen.lineWidth = 2;
  pen.beginPath();
  pen.arc(u, v, 6, 0, 2 * Math.PI);
  pen.stroke();
}

export function diamond(pen, [u, v], colour, page) {
  pen.beginPath();
  pen.moveTo(u, v - 7);
  pen.lineTo(u + 7, v);
  pen.lineTo(u, v + 7);
  pen.lineTo(u - 7, v);
  pen.closePath();
  pen.fillStyle = colour;
  pen.fill();
  pen.strokeStyle = page;
  pen.lineWidth = 1.5;
  pen.stroke();
}

// The book's pages say which theme they have; elsewhere the system does.
export function isDark() {
  const theme = document.documentElement.dataset.theme;
  if (theme) return theme === "dark";
  const lab = document.body.dataset.jpThemeLight;
  if (lab) return lab === "false";
  return window.matchMedia("(prefers-color-scheme: dark)").matches;
}
