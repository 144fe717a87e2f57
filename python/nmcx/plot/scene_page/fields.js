// What the page holds: numbers out of base64, and questions about cones and the map.
const meta = JSON.parse(document.getElementById("data").textContent);
const MISSING = 65535;

function array(name) {
  const stored = meta.arrays[name];
  if (!stored) return null;
  const text = atob(stored.base64), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const kinds = { uint8: Uint8Array, int8: Int8Array, uint16: Uint16Array, int16: Int16Array,
    uint32: Uint32Array, float32: Float32Array };
  return new kinds[stored.dtype](bytes.buffer);
}

// Whole numbers between the ends of a range; NaN where nothing was measured.
function numbers(stored, [low, high]) {
  if (!stored) return null;
  return Float32Array.from(stored, (q) =>
    q === MISSING ? NaN : low + (q / (MISSING - 1)) * (high - low));
}

function places(name) {
  const stored = array(name);
  return stored && Float32Array.from(stored, (q, i) => {
    const axis = i % 3;
    return meta.low[axis] + (q / 65535) * (meta.high[axis] - meta.low[axis]);
  });
}

const unit = (name) => {
  const stored = array(name);
  return stored && Float32Array.from(stored, (q) => q / 32767);
};

const mesh = {
  points: places("points"), normals: array("normals"), triangles: array("triangles"),
  xi: numbers(array("xi"), meta.xi_range), nearest: array("nearest"), weight: array("weight"),
};
const cones = { directions: unit("directions"), angles: meta.half_angle,
  porosity: numbers(array("porosity"), meta.porosity_range) };
const map = { directions: unit("map_directions"), xi: numbers(array("map_xi"), meta.xi_range),
  weight: array("map_weight") };
const voids = places("voids");
const nPoint = mesh.points.length / 3;

// Unit vectors from the apex to the vertices, and their lengths.
const rays = new Float32Array(3 * nPoint), radii = new Float32Array(nPoint);
for (let i = 0; i < nPoint; i++) {
  const d = [0, 1, 2].map((a) => mesh.points[3 * i + a] - meta.apex[a]);
  radii[i] = Math.hypot(...d) || 1;
  for (let a = 0; a < 3; a++) rays[3 * i + a] = d[a] / radii[i];
}

function closest(directions, [x, y, z]) {
  let best = -2, at = 0;
  for (let i = 0; i < directions.length; i += 3) {
    const dot = directions[i] * x + directions[i + 1] * y + directions[i + 2] * z;
    if (dot > best) { best = dot; at = i / 3; }
  }
  return at;
}

const porosityOf = (direction, angle) =>
  cones.porosity[direction * cones.angles.length + angle];

// Porosity below each vertex, between the three directions around it.
function porosityOnSkin(angle) {
  const out = new Float32Array(nPoint);
  for (let i = 0; i < nPoint; i++) {
    let sum = 0, total = 0;
    for (let k = 3 * i; k < 3 * i + 3; k++) {
      const value = porosityOf(mesh.nearest[k], angle);
      if (value === value) { sum += mesh.weight[k] * value; total += mesh.weight[k]; }
    }
    out[i] = total > 0 ? sum / total : NaN;
  }
  return out;
}

// Weighted mean of the map in the cap of a cone, as the correlation takes it.
function xiInCap([x, y, z], halfAngle) {
  if (!map.xi) return null;
  const cut = Math.cos(halfAngle);
  let n = 0, sum = 0, total = 0;
  for (let i = 0; i < map.xi.length; i++) {
    const d = 3 * i;
    const dot = map.directions[d] * x + map.directions[d + 1] * y + map.directions[d + 2] * z;
    if (dot >= cut) { n += 1; sum += map.weight[i] * map.xi[i]; total += map.weight[i]; }
  }
  return { n, mean: sum / total };
}

// Two unit vectors across an axis.
function across([x, y, z]) {
  const aside = Math.abs(x) < 0.6 ? [1, 0, 0] : [0, 1, 0];
  const dot = aside[0] * x + aside[1] * y;
  let u = [aside[0] - dot * x, aside[1] - dot * y, -dot * z];
  const length = Math.hypot(...u);
  u = u.map((c) => c / length);
  return [u, [y * u[2] - z * u[1], z * u[0] - x * u[2], x * u[1] - y * u[0]]];
}

// The flank of a cone: fans of triangles from the apex to somewhat beyond the skin.
function flank(axis, halfAngle, beyond) {
  const n = 96, [u, v] = across(axis), out = [];
  const ends = [];
  for (let i = 0; i <= n; i++) {
    const t = (2 * Math.PI * (i % n)) / n, c = Math.cos(halfAngle), s = Math.sin(halfAngle);
    const ray = [0, 1, 2].map((a) => c * axis[a] + s * (Math.cos(t) * u[a] + Math.sin(t) * v[a]));
    const r = beyond * radii[closest(rays, ray)];
    ends.push(ray.map((d, a) => meta.apex[a] + r * d));
  }
  for (let i = 0; i < n; i++) out.push(...meta.apex, ...ends[i], ...ends[i + 1]);
  return new Float32Array(out);
}
