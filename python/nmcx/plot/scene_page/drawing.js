// Drawing by WebGL 2: orthographic, so that the scale bar is true everywhere.
const canvas = document.getElementById("view"), overlay = document.getElementById("overlay");
const gl = canvas.getContext("webgl2", { antialias: true, alpha: false,
  preserveDrawingBuffer: true });

const PLACE = `
uniform mat3 turn; uniform vec3 middle; uniform vec2 scale; uniform vec2 shift; uniform float depth;
vec4 placed(vec3 p) {
  vec3 q = turn * (p - middle);
  return vec4(q.xy * scale + shift, -q.z * depth, 1.0);
}`;
const SKIN_V = `#version 300 es
in vec3 point, normal; in vec2 xi, porosity;
out vec3 n, ray; out vec2 x, p;
uniform vec3 apex; ${PLACE}
void main() {
  gl_Position = placed(point);
  n = turn * normal; ray = point - apex; x = xi; p = porosity;
}`;
// Values come with a mask and are divided by it: at the border of the map they do not fade.
const SKIN_F = `#version 300 es
precision highp float;
in vec3 n, ray; in vec2 x, p; out vec4 colour;
uniform int mode; uniform bool coned; uniform vec3 axis, bare, coneColour; uniform float half_angle;
uniform float opacity;
uniform vec2 xiLimits, porosityLimits; uniform sampler2D xiColours, porosityColours;
vec3 looked(sampler2D table, float value, vec2 limits) {
  float t = clamp((value - limits.x) / (limits.y - limits.x), 0.0, 1.0);
  return texture(table, vec2((t * 255.0 + 0.5) / 256.0, 0.5)).rgb;
}
void main() {
  bool hasXi = x.y > 0.5 && mode != 1, hasP = p.y > 0.5 && mode != 0;
  vec3 base = hasXi ? looked(xiColours, x.x / x.y, xiLimits)
    : hasP ? looked(porosityColours, p.x / p.y, porosityLimits) : bare;
  vec3 normal = normalize(gl_FrontFacing ? n : -n);
  // Light from over the left shoulder, mild: shading must not be taken for values.
  float lit = 0.72 + 0.3 * max(dot(normal, normalize(vec3(-0.35, 0.5, 0.8))), 0.0);
  vec3 shown = base * lit;
  if (coned) {
    float off = acos(clamp(dot(normalize(ray), axis), -1.0, 1.0)) - half_angle;
    float width = max(fwidth(off), 1e-5);
    shown = mix(shown, vec3(1.0), 0.9 * (1.0 - smoothstep(2.2 * width, 3.2 * width, abs(off))));
    shown = mix(shown, coneColour, 1.0 - smoothstep(1.0 * width, 2.0 * width, abs(off)));
  }
  colour = vec4(shown, opacity);
}`;
const CONE_V = `#version 300 es
in vec3 point; ${PLACE}
void main() { gl_Position = placed(point); }`;
const CONE_F = `#version 300 es
precision highp float;
out vec4 colour; uniform vec3 coneColour; uniform float opacity;
void main() { colour = vec4(coneColour, opacity); }`;
// Void in the cone stands out; the rest is small and fades with depth.
const VOID_V = `#version 300 es
in vec3 point; out vec3 shade; uniform vec3 apex, axis, coneColour, bare, paper;
uniform float half_angle, size; uniform bool coned; ${PLACE}
void main() {
  gl_Position = placed(point);
  vec3 ray = point - apex;
  bool inside = coned && dot(ray, axis) >= length(ray) * cos(half_angle);
  shade = mix(inside ? coneColour : bare, paper, clamp(0.35 + gl_Position.z, 0.0, 0.75));
  gl_PointSize = max((inside || !coned ? 1.0 : 0.7) * size, 1.5);
}`;
const VOID_F = `#version 300 es
precision highp float;
in vec3 shade; out vec4 colour;
void main() {
  vec2 c = 2.0 * gl_PointCoord - 1.0;
  float r = dot(c, c);
  if (r > 1.0) discard;
  colour = vec4(shade * (1.0 - 0.3 * r), 1.0);
}`;

function program(vertex, fragment) {
  const made = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS))
      throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made));
  return { made, at: (name) => gl.getUniformLocation(made, name) };
}

function buffer(of, name, size, data, kind = gl.FLOAT, normalised = false) {
  const made = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, made);
  gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW);
  const at = gl.getAttribLocation(of.made, name);
  if (at >= 0) {
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, kind, normalised, 0, 0);
  }
  return made;
}

// Value and mask, both zero where nothing was measured.
function masked(values) {
  const out = new Float32Array(2 * nPoint);
  if (values) for (let i = 0; i < nPoint; i++)
    if (values[i] === values[i]) { out[2 * i] = values[i]; out[2 * i + 1] = 1; }
  return out;
}

function colours(unitOf, bytes) {
  gl.activeTexture(gl.TEXTURE0 + unitOf);
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, 256, 1, 0, gl.RGB, gl.UNSIGNED_BYTE, bytes);
  for (const key of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER])
    gl.texParameteri(gl.TEXTURE_2D, key, gl.LINEAR);
  for (const key of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T])
    gl.texParameteri(gl.TEXTURE_2D, key, gl.CLAMP_TO_EDGE);
}

const middle = [0, 1, 2].map((a) => (meta.low[a] + meta.high[a]) / 2);
// The farthest vertex from the middle: nothing leaves the picture, however it is turned.
let reach = 0;
for (let i = 0; i < nPoint; i++)
  reach = Math.max(reach, Math.hypot(...[0, 1, 2].map((a) => mesh.points[3 * i + a] - middle[a])));
let skin, cone, dots, things;

function prepare() {
  skin = program(SKIN_V, SKIN_F);
  cone = program(CONE_V, CONE_F);
  dots = program(VOID_V, VOID_F);
  things = { skin: gl.createVertexArray(), cone: gl.createVertexArray(),
    dots: gl.createVertexArray() };
  gl.bindVertexArray(things.skin);
  buffer(skin, "point", 3, mesh.points);
  buffer(skin, "normal", 3, mesh.normals, gl.BYTE, true);
  buffer(skin, "xi", 2, masked(mesh.xi));
  things.porosity = buffer(skin, "porosity", 2, masked(null));
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, mesh.triangles, gl.STATIC_DRAW);
  things.index = mesh.triangles instanceof Uint32Array ? gl.UNSIGNED_INT : gl.UNSIGNED_SHORT;
  gl.bindVertexArray(things.cone);
  things.flank = buffer(cone, "point", 3, new Float32Array(9));
  if (voids) { gl.bindVertexArray(things.dots); buffer(dots, "point", 3, voids); }
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  colours(0, array("xi_colours"));
  colours(1, array("porosity_colours"));
}

function refill(made, data) {
  gl.bindBuffer(gl.ARRAY_BUFFER, made);
  gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW);
}

function common(of, camera, state) {
  gl.useProgram(of.made);
  const aspect = canvas.width / canvas.height, size = camera.zoom / reach / 1.28;
  const s = aspect > 1 ? [size / aspect, size] : [size, size * aspect];
  gl.uniformMatrix3fv(of.at("turn"), true, camera.turn);
  gl.uniform3fv(of.at("middle"), middle);
  gl.uniform2fv(of.at("scale"), s);
  gl.uniform2fv(of.at("shift"), camera.shift);
  gl.uniform1f(of.at("depth"), 0.4 / reach);
  gl.uniform3fv(of.at("apex"), meta.apex);
  gl.uniform3fv(of.at("axis"), state.axis);
  gl.uniform1f(of.at("half_angle"), state.halfAngle);
  gl.uniform1i(of.at("coned"), state.coned ? 1 : 0);
  gl.uniform3fv(of.at("coneColour"), state.palette.cone);
  gl.uniform3fv(of.at("bare"), state.palette.bare);
  // Pixels per micrometre, for dots as large as voxels.
  return 0.5 * s[1] * canvas.height;
}

function drawSkin(camera, state, opacity) {
  common(skin, camera, state);
  gl.bindVertexArray(things.skin);
  gl.uniform1i(skin.at("mode"), state.mode);
  gl.uniform1f(skin.at("opacity"), opacity);
  gl.uniform2fv(skin.at("xiLimits"), meta.xi_limits);
  gl.uniform2fv(skin.at("porosityLimits"), state.limits);
  gl.uniform1i(skin.at("xiColours"), 0);
  gl.uniform1i(skin.at("porosityColours"), 1);
  gl.drawElements(gl.TRIANGLES, mesh.triangles.length, things.index, 0);
}

function draw(camera, state) {
  gl.viewport(0, 0, canvas.width, canvas.height);
  gl.clearColor(...state.palette.paper, 1);
  gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
  gl.enable(gl.DEPTH_TEST);
  gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
  const solid = state.opacity >= 1;
  if (solid) { gl.disable(gl.BLEND); drawSkin(camera, state, 1); }
  if (!solid && state.voids && voids) {
    const perUm = common(dots, camera, state);
    gl.bindVertexArray(things.dots);
    gl.uniform1f(dots.at("size"), 1.15 * meta.void_um * perUm);
    gl.uniform3fv(dots.at("paper"), state.palette.paper);
    gl.drawArrays(gl.POINTS, 0, voids.length / 3);
  }
  gl.enable(gl.BLEND);
  gl.depthMask(false);
  if (!solid) {
    gl.enable(gl.CULL_FACE);
    gl.cullFace(gl.FRONT);
    drawSkin(camera, state, 0.6 * state.opacity);
    gl.disable(gl.CULL_FACE);
  }
  if (state.coned) {
    common(cone, camera, state);
    gl.bindVertexArray(things.cone);
    gl.uniform1f(cone.at("opacity"), 0.3);
    gl.drawArrays(gl.TRIANGLES, 0, 3 * 96);
  }
  if (!solid) {
    gl.enable(gl.CULL_FACE);
    gl.cullFace(gl.BACK);
    drawSkin(camera, state, state.opacity);
    gl.disable(gl.CULL_FACE);
  }
  gl.depthMask(true);
}
