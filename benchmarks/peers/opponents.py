"""What someone who knows numpy or numba well would write for the voxel-wise edge fit.

Both do the arithmetic of `nmcx.xanes.fit_edges` without its standard errors, status and NaN
handling: on a fixed energy grid both polynomials are constant matrices; the edge is the first
sample above half the jump, refined on the cubic through four points; the white line is a
least-squares parabola through five points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

PRE_EDGE, POST_EDGE = (8230.0, 8315.0), (8390.0, 8605.0)
REFERENCE_EV, SCALE_EV = 8345.0, 50.0  # x = (energy - reference) / scale keeps 1, x, x² apart


@dataclass(frozen=True)
class Plan:
    """Constants of the energy grid; single precision."""

    pre: slice  # energies of the pre-edge line
    post: slice  # energies of the post-edge quadratic
    scan: slice  # energies between them
    x: np.ndarray  # (n_scan,)
    level: np.ndarray  # (3, n_pre + n_post): pre + post / 2, coefficients in x
    jump: np.ndarray  # (3, n_pre + n_post): post, coefficients in x
    slope: np.ndarray  # (5, n_scan): linear term of the parabola around each energy
    curve: np.ndarray  # (5, n_scan): its quadratic term


def make_plan(energy_ev: np.ndarray) -> Plan:
    x = (energy_ev - REFERENCE_EV) / SCALE_EV

    def rows(window: tuple[float, float]) -> slice:
        inside = np.flatnonzero((energy_ev >= window[0]) & (energy_ev <= window[1]))
        return slice(int(inside[0]), int(inside[-1]) + 1)

    pre, post = rows(PRE_EDGE), rows(POST_EDGE)
    scan = slice(pre.stop, post.start)
    line = np.linalg.pinv(np.vander(x[pre], 2, increasing=True))
    quadratic = np.linalg.pinv(np.vander(x[post], 3, increasing=True))
    # The post-edge is fitted to what the pre-edge leaves: mu - line.
    taken_off = quadratic @ np.vander(x[post], 2, increasing=True) @ line
    jump = np.hstack([-taken_off, quadratic])
    level = 0.5 * jump
    level[:2, : line.shape[1]] += line

    slope, curve = np.zeros((2, 5, scan.stop - scan.start))
    for i in range(2, slope.shape[1] - 2):
        around = x[scan][i - 2 : i + 3] - x[scan][i]
        _, slope[:, i], curve[:, i] = np.linalg.pinv(np.vander(around, 3, increasing=True))
    single = (np.asarray(a, dtype=np.float32) for a in (x[scan], level, jump, slope, curve))
    return Plan(pre, post, scan, *single)


# --- numpy ----------------------------------------------------------------------------------------
def numpy_projection(plan: Plan, mu: np.ndarray, block: int = 2048) -> np.ndarray:
    """Edge, white line [eV] and jump of (n_energy, n_voxel) spectra, in blocks that fit caches."""
    n_pre = plan.pre.stop - plan.pre.start
    # One product gives level at all scan energies and the jump's coefficients.
    project = np.vstack([np.vander(plan.x, 3, increasing=True) @ plan.level, plan.jump])
    from_pre = np.ascontiguousarray(project[:, :n_pre])
    from_post = np.ascontiguousarray(project[:, n_pre:])
    n_scan, n_voxel = len(plan.x), mu.shape[1]
    result = np.empty((3, n_voxel), dtype=np.float32)
    buffers = np.empty((2, n_scan + 3, block), dtype=np.float32)  # fresh pages would cost more
    for begin in range(0, n_voxel, block):
        part = mu[:, begin : begin + block]
        fitted, more = buffers[:, :, : part.shape[1]]
        np.matmul(from_pre, part[plan.pre], out=fitted)
        fitted += np.matmul(from_post, part[plan.post], out=more)
        above = np.subtract(part[plan.scan], fitted[:n_scan], out=more[:n_scan])
        result[:, begin : begin + block] = _numpy_refine(plan, above, fitted[n_scan:])
    return result


def _numpy_refine(plan: Plan, above: np.ndarray, jump: np.ndarray) -> tuple[Any, Any, Any]:
    n_scan, n_voxel = above.shape
    # Index of the maximum and of the first sample above the level, counted row by row in bytes:
    # three times as fast as argmax along the first axis.
    negative, lower = above < 0, above < above.max(axis=0)
    below, waiting = np.ones((2, n_voxel), np.bool_)
    first, peak = np.zeros((2, n_voxel), np.int8)
    for i in range(n_scan):
        below &= negative[i]
        first += below.view(np.int8)
        waiting &= lower[i]
        peak += waiting.view(np.int8)

    flat, column, x = above.ravel(), np.arange(n_voxel), plan.x
    i = np.clip(first, 2, n_scan - 2).astype(np.intp)
    at = (i - 2) * n_voxel + column
    y0, y1, y2, y3 = (flat.take(at + k * n_voxel, mode="clip") for k in range(4))
    edge = cubic_root(*(x.take(i + k, mode="clip") for k in (-2, -1, 0, 1)), y0, y1, y2, y3)

    j = np.clip(peak, 2, n_scan - 3).astype(np.intp)
    at = (j - 2) * n_voxel + column
    slope, curve = np.zeros((2, n_voxel), np.float32)
    for k in range(5):
        value = flat.take(at + k * n_voxel, mode="clip")
        slope += plan.slope[k].take(j, mode="clip") * value
        curve += plan.curve[k].take(j, mode="clip") * value
    white_line = x.take(j, mode="clip") - slope / (2 * curve)
    height = jump[0] + edge * (jump[1] + edge * jump[2])
    return REFERENCE_EV + SCALE_EV * edge, REFERENCE_EV + SCALE_EV * white_line, height


def cubic_root(x0: Any, x1: Any, x2: Any, x3: Any, y0: Any, y1: Any, y2: Any, y3: Any) -> Any:
    """Where the cubic through four points is zero, between the second and the third."""
    step = x2 - x1
    first = (y2 - y1) / step
    before = (first - (y1 - y0) / (x1 - x0)) / (x2 - x0)
    after = ((y3 - y2) / (x3 - x2) - first) / (x3 - x1)
    third = (after - before) / (x3 - x0)
    t = -y1 / first
    for _ in range(2):  # Newton's steps from the chord; the third changes nothing in float
        bend = before + third * (t + x1 - x0)
        value = y1 + t * (first + (t - step) * bend)
        t = t - value / (first + (2 * t - step) * bend + t * (t - step) * third)
        t = np.minimum(np.maximum(t, 0), step)
    return x1 + t


def numpy_lstsq(energy_ev: np.ndarray, mu: np.ndarray) -> np.ndarray:
    """The textbook way: least squares and normalisation of the whole stack, linear crossing."""
    x = (energy_ev - REFERENCE_EV) / SCALE_EV
    pre = (energy_ev >= PRE_EDGE[0]) & (energy_ev <= PRE_EDGE[1])
    post = (energy_ev >= POST_EDGE[0]) & (energy_ev <= POST_EDGE[1])
    line = np.vander(x, 2, increasing=True).astype(np.float32)
    quadratic = np.vander(x, 3, increasing=True).astype(np.float32)
    rest = mu - line @ np.linalg.lstsq(line[pre], mu[pre], rcond=None)[0]
    jump = quadratic @ np.linalg.lstsq(quadratic[post], rest[post], rcond=None)[0]
    scan = (energy_ev > PRE_EDGE[1]) & (energy_ev < POST_EDGE[0])
    flat = rest[scan] / jump[scan]
    edge = half_jump(energy_ev[scan], flat.T)
    peak = energy_ev[scan][np.argmax(flat, axis=0)]
    return np.stack([edge, peak, jump[np.argmin(np.abs(energy_ev - REFERENCE_EV))]])


def half_jump(energy_ev: np.ndarray, flat: np.ndarray) -> np.ndarray:
    """First crossing of one half, between two samples, of (n_voxel, n_energy) spectra."""
    upper = np.maximum(np.argmax(flat >= 0.5, axis=1), 1)
    row = np.arange(len(flat))
    low, high = flat[row, upper - 1], flat[row, upper]
    step = energy_ev[upper] - energy_ev[upper - 1]
    return np.asarray(energy_ev[upper - 1] + (0.5 - low) / (high - low) * step)


# --- numba ----------------------------------------------------------------------------------------
def numba_kernels() -> tuple[Any, Any]:
    """Compiled loops over (n_energy, n_voxel) and (n_voxel, n_energy) float32 stacks."""
    import numba

    compiled = numba.njit(
        fastmath={"nsz", "arcp", "contract", "afn", "reassoc"}, error_model="numpy"
    )
    tile = 128

    @numba.njit(inline="always", error_model="numpy")
    def root(x, i, y0, y1, y2, y3):  # type: ignore[no-untyped-def]
        step = x[i] - x[i - 1]
        reach = x[i - 1] - x[i - 2]
        first = (y2 - y1) / step
        before = (first - (y1 - y0) / reach) / (x[i] - x[i - 2])
        after = ((y3 - y2) / (x[i + 1] - x[i]) - first) / (x[i + 1] - x[i - 1])
        third = (after - before) / (x[i + 1] - x[i - 2])
        t = -y1 / first
        for _ in range(2):
            bend = before + third * (t + reach)
            value = y1 + t * (first + (t - step) * bend)
            t = t - value / (first + (t + t - step) * bend + t * (t - step) * third)
            t = min(max(t, np.float32(0)), step)
        return x[i - 1] + t

    @compiled
    def energy_major(mu, fitted, n_pre, x, level, jump, slope, curve, result):  # type: ignore[no-untyped-def]
        n_voxel, n_scan = mu.shape[1], x.size
        above = np.empty((n_scan, tile), np.float32)
        c = np.empty((5, tile), np.float32)
        highest = np.empty(tile, np.float32)
        peak, first = np.empty(tile, np.int32), np.empty(tile, np.int32)
        for begin in range(0, n_voxel, tile):
            n = min(tile, n_voxel - begin)
            c[:] = 0
            for k in range(0, fitted.size, 2):  # two rows at a time: half the loads and stores
                row, next_row = mu[fitted[k], begin:], mu[fitted[k + 1], begin:]
                for b in range(n):
                    c[0, b] += level[0, k] * row[b] + level[0, k + 1] * next_row[b]
                    c[1, b] += level[1, k] * row[b] + level[1, k + 1] * next_row[b]
                    c[2, b] += jump[0, k] * row[b] + jump[0, k + 1] * next_row[b]
                    c[3, b] += jump[1, k] * row[b] + jump[1, k + 1] * next_row[b]
                    c[4, b] += jump[2, k] * row[b] + jump[2, k + 1] * next_row[b]
            highest[:] = -np.float32(1e30)
            first[:] = n_scan
            for i in range(n_scan):
                row = mu[n_pre + i, begin : begin + n]
                for b in range(n):
                    y = row[b] - (c[0, b] + x[i] * (c[1, b] + x[i] * np.float32(0.5) * c[4, b]))
                    above[i, b] = y
                    peak[b] = i if y > highest[b] else peak[b]
                    highest[b] = y if y > highest[b] else highest[b]
                    first[b] = min(first[b], i if y >= 0 else n_scan)
            for b in range(n):
                i = min(max(first[b], 2), n_scan - 2)
                edge = root(x, i, above[i - 2, b], above[i - 1, b], above[i, b], above[i + 1, b])
                j = min(max(peak[b], 2), n_scan - 3)
                linear, quadratic = np.float32(0), np.float32(0)
                for k in range(5):
                    linear += slope[k, j] * above[j - 2 + k, b]
                    quadratic += curve[k, j] * above[j - 2 + k, b]
                result[0, begin + b] = REFERENCE_EV + SCALE_EV * edge
                result[1, begin + b] = REFERENCE_EV + SCALE_EV * (
                    x[j] - linear / (quadratic + quadratic)
                )
                result[2, begin + b] = c[2, b] + edge * (c[3, b] + edge * c[4, b])

    @compiled
    def voxel_major(mu, fitted, n_pre, x, level, jump, slope, curve, result):  # type: ignore[no-untyped-def]
        n_voxel, n_scan = mu.shape[0], x.size
        above = np.empty(n_scan, np.float32)
        for v in range(n_voxel):
            spectrum = mu[v]
            l0, l1 = np.float32(0), np.float32(0)
            j0, j1, j2 = np.float32(0), np.float32(0), np.float32(0)
            for k in range(fitted.size):
                y = spectrum[fitted[k]]
                l0 += level[0, k] * y
                l1 += level[1, k] * y
                j0 += jump[0, k] * y
                j1 += jump[1, k] * y
                j2 += jump[2, k] * y
            for i in range(n_scan):
                above[i] = spectrum[n_pre + i] - (l0 + x[i] * (l1 + x[i] * np.float32(0.5) * j2))
            i = 2
            while i < n_scan - 2 and above[i] < 0:
                i += 1
            j, highest = 2, above[2]
            for k in range(3, n_scan - 2):
                if above[k] > highest:
                    j, highest = k, above[k]
            edge = root(x, i, above[i - 2], above[i - 1], above[i], above[i + 1])
            linear, quadratic = np.float32(0), np.float32(0)
            for k in range(5):
                linear += slope[k, j] * above[j - 2 + k]
                quadratic += curve[k, j] * above[j - 2 + k]
            result[0, v] = REFERENCE_EV + SCALE_EV * edge
            result[1, v] = REFERENCE_EV + SCALE_EV * (x[j] - linear / (quadratic + quadratic))
            result[2, v] = j0 + edge * (j1 + edge * j2)

    return energy_major, voxel_major


def numba_arguments(plan: Plan) -> tuple[Any, ...]:
    """What the kernels want between the stack and the result; an even number of fitted energies."""
    fitted = np.r_[plan.pre, plan.post].astype(np.int32)
    odd = fitted.size % 2
    fitted = np.append(fitted, fitted[:odd])
    level, jump = (np.pad(matrix, ((0, 0), (0, odd))) for matrix in (plan.level, plan.jump))
    return fitted, plan.scan.start, plan.x, level, jump, plan.slope, plan.curve
