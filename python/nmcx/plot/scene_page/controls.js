// Camera, controls and readings.
const $ = (id) => document.getElementById(id);
const RAD = Math.PI / 180;
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0]];
const hasXi = Boolean(mesh.xi), hasCones = Boolean(cones.porosity);

// Rows are right, up and towards the viewer: what `correlation.view_frame` gives.
const home = () => ({ turn: meta.frame.flat(), zoom: 1, shift: [0, 0] }); // along the beam
let camera = home();
const state = { mode: hasXi && hasCones ? 2 : hasXi ? 0 : 1, angle: meta.start_angle,
  axis: meta.start_axis, halfAngle: hasCones ? cones.angles[meta.start_angle] : 0,
  coned: hasCones, opacity: 1, voids: true, limits: [0, 1], direction: 0, palette: {} };

function turned(x, y) {
  const [cy, sy, cx, sx] = [Math.cos(x), Math.sin(x), Math.cos(y), Math.sin(y)];
  const by = [[cy, 0, sy], [sx * sy, cx, -sx * cy], [-cx * sy, sx, cx * cy]];
  const t = camera.turn;
  const rows = [0, 1, 2].map((i) => [0, 1, 2].map((j) =>
    by[i][0] * t[j] + by[i][1] * t[3 + j] + by[i][2] * t[6 + j]));
  // Rounding must not shear the picture after thousands of small turns.
  const unitOf = (v) => v.map((c) => c / Math.hypot(...v));
  const k = unitOf(rows[2]), right = unitOf(cross(rows[1], k));
  camera.turn = [...right, ...cross(k, right), ...k];
  redraw();
}
const zoomed = (factor) => {
  camera.zoom = Math.min(Math.max(camera.zoom * factor, 0.4), 20);
  redraw();
};

function rgb(name) {
  const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);
}
function themed(theme) {
  document.documentElement.dataset.theme = theme;
  state.palette = { paper: rgb("--paper"), cone: rgb("--cone"),
    bare: theme === "dark" ? [0.46, 0.49, 0.54] : [0.74, 0.76, 0.79] };
  redraw();
}

let pending = false;
function redraw() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => {
    pending = false;
    for (const c of [canvas, overlay]) {
      const ratio = window.devicePixelRatio || 1;
      const [w, h] = [c.clientWidth, c.clientHeight].map((n) => Math.max(1, Math.round(n * ratio)));
      if (c.width !== w || c.height !== h) { c.width = w; c.height = h; }
    }
    draw(camera, state);
    drawOverlay();
  });
}

function drawOverlay() {
  const ratio = window.devicePixelRatio || 1, g = overlay.getContext("2d");
  const w = overlay.width / ratio, h = overlay.height / ratio;
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, w, h);
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink"), soft = style.getPropertyValue("--soft");
  g.font = "12px system-ui, sans-serif";
  g.textAlign = "center";
  g.textBaseline = "middle";
  const at = [46, h - 46], t = camera.turn;
  ["x", "y", "z"].map((name, i) => [name, t[i], t[3 + i], t[6 + i]])
    .sort((a, b) => a[3] - b[3])
    .forEach(([name, x, y, z]) => {
      g.strokeStyle = g.fillStyle = z < -0.1 ? soft : ink;
      g.lineWidth = 1.5;
      g.beginPath();
      g.moveTo(...at);
      g.lineTo(at[0] + 26 * x, at[1] - 26 * y);
      g.stroke();
      g.fillText(name, at[0] + 35 * x, at[1] - 35 * y);
    });
  const perUm = (0.5 * Math.min(w, h) * camera.zoom) / (1.28 * reach);
  const most = 0.22 * w / perUm, power = 10 ** Math.floor(Math.log10(most));
  const length = power * [5, 2, 1].find((step) => step * power <= most * (1 + 1e-9));
  const end = w - 22;
  g.fillStyle = ink;
  g.fillRect(end - length * perUm, h - 24, length * perUm, 4);
  g.fillText(length >= 1 ? `${length} µm` : `${Math.round(1000 * length)} nm`,
    end - (length * perUm) / 2, h - 36);
}

// The cone ---------------------------------------------------------------------------------------

function point(axis) {
  if (!hasCones) return;
  state.direction = closest(cones.directions, axis);
  const d = 3 * state.direction;
  const v = Array.from(cones.directions.subarray(d, d + 3)), length = Math.hypot(...v);
  state.axis = v.map((c) => c / length);
  refill(things.flank, flank(state.axis, state.halfAngle, 1.16));
  read();
  redraw();
}
function pointed(axis) {
  const azimuth = Math.atan2(axis[1], axis[0]) / RAD;
  $("azimuth").value = Math.round(azimuth);
  $("elevation").value = Math.round(Math.asin(Math.min(Math.max(axis[2], -1), 1)) / RAD);
  point(axis);
}
function fromSliders() {
  const a = $("azimuth").value * RAD, e = $("elevation").value * RAD;
  point([Math.cos(e) * Math.cos(a), Math.cos(e) * Math.sin(a), Math.sin(e)]);
}
function opened(angle) {
  if (!hasCones) return;
  state.angle = Math.min(Math.max(angle, 0), cones.angles.length - 1);
  state.halfAngle = cones.angles[state.angle];
  state.limits = meta.porosity_limits[state.angle];
  $("angle").value = state.angle;
  refill(things.porosity, masked(porosityOnSkin(state.angle)));
  ticks("bar-porosity", state.limits);
  curve();
  point(state.axis);
}

function picked(x, y) {
  // Orthographic: the ray is a line along k; the nearest triangle that it meets counts.
  const box = canvas.getBoundingClientRect(), size = Math.min(box.width, box.height);
  const unit = (1.28 * reach) / (0.5 * size * camera.zoom), t = camera.turn;
  const px = (x - box.left - box.width / 2 - (camera.shift[0] * box.width) / 2) * unit;
  const py = -(y - box.top - box.height / 2 + (camera.shift[1] * box.height) / 2) * unit;
  const seen = (i) => [0, 3, 6].map((r) => t[r] * (mesh.points[3 * i] - middle[0])
    + t[r + 1] * (mesh.points[3 * i + 1] - middle[1]) + t[r + 2] * (mesh.points[3 * i + 2] - middle[2]));
  let best = -Infinity;
  for (let i = 0; i < mesh.triangles.length; i += 3) {
    const [a, b, c] = [0, 1, 2].map((k) => seen(mesh.triangles[i + k]));
    const area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
    if (area <= 0) continue;
    const v = ((px - a[0]) * (c[1] - a[1]) - (py - a[1]) * (c[0] - a[0])) / area;
    const w = ((b[0] - a[0]) * (py - a[1]) - (b[1] - a[1]) * (px - a[0])) / area;
    if (v < 0 || w < 0 || v + w > 1) continue;
    best = Math.max(best, a[2] + v * (b[2] - a[2]) + w * (c[2] - a[2]));
  }
  if (best === -Infinity) return;
  const q = [px, py, best];
  const spot = [0, 1, 2].map((a) => middle[a] + q[0] * t[a] + q[1] * t[3 + a] + q[2] * t[6 + a]);
  const d = spot.map((c, a) => c - meta.apex[a]), length = Math.hypot(...d);
  pointed(d.map((c) => c / length));
}

// What is written --------------------------------------------------------------------------------

const signed = (x) => (x < 0 ? "−" : "+") + Math.abs(x).toFixed(2);
function read() {
  const rows = [], opening = (2 * state.halfAngle) / RAD;
  $("angle-out").textContent = `${opening.toFixed(0)}°`;
  $("azimuth-out").textContent = `${$("azimuth").value}°`;
  $("elevation-out").textContent = `${$("elevation").value}°`;
  const porosity = porosityOf(state.direction, state.angle);
  rows.push(["its porosity", Number.isFinite(porosity) ? porosity.toFixed(4) : "empty"]);
  const cap = xiInCap(state.axis, state.halfAngle);
  if (cap) rows.push(["mean ξ of its cap", cap.n
    ? `${cap.mean.toFixed(4)}, n = ${cap.n}` : "not mapped"]);
  if (meta.scan) {
    const [low, high] = meta.scan.null_band[state.angle], r = meta.scan.pearson[state.angle];
    rows.push(["correlation at 2α", r === null ? "none" : signed(r)]);
    if (low !== null) rows.push(["null model, 95 %", `${signed(low)} … ${signed(high)}`]);
    rows.push(["all angles, one test", `p = ${meta.scan.p_family}`]);
  }
  $("readings").replaceChildren(...rows.flatMap(([name, value]) => {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = name;
    dd.textContent = value;
    return [dt, dd];
  }));
}

function gradient(id, bytes) {
  const stops = [];
  for (let i = 0; i < 256; i += 15)
    stops.push(`rgb(${bytes[3 * i]} ${bytes[3 * i + 1]} ${bytes[3 * i + 2]})`);
  $(id).querySelector(".bar").style.background = `linear-gradient(90deg, ${stops.join(", ")})`;
}
function ticks(id, [low, high]) {
  const digits = Math.max(0, 1 - Math.floor(Math.log10((high - low) / 2)));
  const texts = [low, (low + high) / 2, high].map((v) => v.toFixed(digits));
  $(id).querySelector(".ticks").replaceChildren(...texts.map((text) => {
    const span = document.createElement("span");
    span.textContent = text;
    return span;
  }));
}

function curve() {
  if (!meta.scan) return;
  const svg = $("curve").querySelector("svg"), scan = meta.scan;
  const most = Math.max(...cones.angles), x = (i) => 28 + (216 * cones.angles[i]) / most;
  const y = (r) => 60 - 50 * r;
  const has = cones.angles.map((_, i) => i).filter((i) => scan.pearson[i] !== null && scan.null_band[i][0] !== null);
  const node = (kind, values, text) => {
    const made = document.createElementNS(svg.namespaceURI, kind);
    for (const [key, value] of Object.entries(values)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const band = [...has.map((i) => [i, 1]), ...has.map((i) => [i, 0]).reverse()]
    .map(([i, end]) => `${x(i)},${y(scan.null_band[i][end])}`).join(" ");
  const parts = [node("polygon", { points: band, fill: "var(--line)" })];
  for (const r of [-1, 0, 1]) {
    parts.push(node("line", { x1: 28, x2: 244, y1: y(r), y2: y(r), stroke: "var(--line)" }));
    parts.push(node("text", { x: 23, y: y(r) + 3, "text-anchor": "end" }, String(r).replace("-", "−")));
  }
  parts.push(node("polyline", { points: has.map((i) => `${x(i)},${y(scan.pearson[i])}`).join(" "),
    fill: "none", stroke: "var(--accent)", "stroke-width": 1.5 }));
  for (const i of has) {
    const now = i === state.angle;
    const dot = node("circle", { cx: x(i), cy: y(scan.pearson[i]), r: now ? 5 : 3,
      fill: now ? "var(--cone)" : "var(--accent)", style: "cursor: pointer" });
    dot.addEventListener("click", () => opened(i));
    parts.push(dot);
  }
  for (const i of has.filter((_, k) => k === 0 || k === has.length - 1))
    parts.push(node("text", { x: x(i), y: 122, "text-anchor": "middle" },
      `${((2 * cones.angles[i]) / RAD).toFixed(0)}°`));
  svg.replaceChildren(...parts);
}

function shown(mode) {
  if ((mode !== 1 && !hasXi) || (mode !== 0 && !hasCones)) return;
  state.mode = mode;
  $("modes").querySelector(`[value="${mode}"]`).checked = true;
  $("bar-xi").hidden = mode === 1;
  $("bar-porosity").hidden = mode === 0;
  redraw();
}
