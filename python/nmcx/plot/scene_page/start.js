// Events, and the first picture.
const touches = new Map();
let moved = 0;

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  touches.set(event.pointerId, [event.clientX, event.clientY]);
  if (touches.size === 1) moved = 0;
});
canvas.addEventListener("pointermove", (event) => {
  const before = touches.get(event.pointerId);
  if (!before) return;
  const now = [event.clientX, event.clientY];
  const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
  moved += Math.abs(dx) + Math.abs(dy);
  if (touches.size === 2) {
    const other = [...touches].find(([id]) => id !== event.pointerId)[1];
    const distance = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]);
    zoomed(distance(now) / Math.max(distance(before), 1));
  } else if (event.shiftKey) {
    camera.shift[0] += (2 * dx) / canvas.clientWidth;
    camera.shift[1] -= (2 * dy) / canvas.clientHeight;
    redraw();
  } else turned(0.008 * dx, 0.008 * dy);
  touches.set(event.pointerId, now);
});
for (const name of ["pointerup", "pointercancel"])
  canvas.addEventListener(name, (event) => {
    // A hand is never quite still: a few pixels are still a click.
    const click = name === "pointerup" && touches.size === 1 && moved < 6;
    touches.delete(event.pointerId);
    if (click) picked(event.clientX, event.clientY);
  });
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoomed(Math.exp(-0.0015 * event.deltaY));
}, { passive: false });
canvas.addEventListener("keydown", (event) => {
  const act = {
    ArrowLeft: () => turned(-0.1, 0), ArrowRight: () => turned(0.1, 0),
    ArrowUp: () => turned(0, -0.1), ArrowDown: () => turned(0, 0.1),
    "+": () => zoomed(1.15), "=": () => zoomed(1.15), "-": () => zoomed(1 / 1.15),
    Home: () => { camera = home(); redraw(); },
    m: () => shown(hasXi && hasCones ? (state.mode + 1) % 3 : state.mode),
    ",": () => opened(state.angle - 1), ".": () => opened(state.angle + 1),
  }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (act && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); act(); }
});

function prepareControls() {
  for (const radio of $("modes").querySelectorAll("input")) {
    const mode = Number(radio.value);
    radio.disabled = (mode !== 1 && !hasXi) || (mode !== 0 && !hasCones);
    radio.addEventListener("change", () => shown(mode));
  }
  $("cone").hidden = $("readings").hidden = !hasCones;
  $("curve").hidden = !meta.scan;
  $("angle").max = hasCones ? cones.angles.length - 1 : 0;
  $("angle").addEventListener("input", () => opened(Number($("angle").value)));
  for (const id of ["azimuth", "elevation"]) $(id).addEventListener("input", fromSliders);
  $("show-cone").addEventListener("change", (event) => {
    state.coned = event.target.checked && hasCones;
    redraw();
  });
  $("show-voids").addEventListener("change", (event) => {
    state.voids = event.target.checked;
    redraw();
  });
  $("opacity").addEventListener("input", (event) => {
    state.opacity = Number(event.target.value) / 100;
    $("opacity-out").textContent = state.opacity < 1 ? `${event.target.value} %` : "opaque";
    redraw();
  });
  $("opacity-out").textContent = "opaque";
  $("reset").addEventListener("click", () => { camera = home(); redraw(); });
  $("theme").addEventListener("click", () =>
    themed(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
  $("full").hidden = !document.fullscreenEnabled;
  $("full").addEventListener("click", () => document.fullscreenElement
    ? document.exitFullscreen() : document.documentElement.requestFullscreen());
  $("panel").addEventListener("submit", (event) => event.preventDefault());
  if (meta.scan) $("curve").querySelector("figcaption").textContent = meta.scan.caption;
}

if (!gl) {
  $("failure").hidden = false;
  $("failure").textContent = "This browser has no WebGL 2: the particle cannot be drawn here.";
} else {
  prepare();
  prepareControls();
  gradient("bar-xi", array("xi_colours"));
  gradient("bar-porosity", array("porosity_colours"));
  if (hasXi) ticks("bar-xi", meta.xi_limits);
  themed(window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  if (hasCones) { pointed(meta.start_axis); opened(meta.start_angle); }
  shown(state.mode);
  // A little aside, so that the eye sees a body and not a disc.
  turned(-0.35, 0.25);
  new ResizeObserver(redraw).observe(canvas);
  document.documentElement.dataset.ready = "true";
}
