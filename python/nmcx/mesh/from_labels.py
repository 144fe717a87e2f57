"""A polycrystal from the labels of an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.materials import as_rotations
from nmcx.mesh.axes import mesh_position
from nmcx.mesh.build import assemble
from nmcx.mesh.orientation import random_orientations
from nmcx.results import Mesh

_Index = NDArray[np.int64]
_Float = NDArray[np.float64]

#: Voxels per edge length that the walls need; with more, cells and first steps take every other.
_VOXELS_PER_EDGE = 2.5
#: Angles [rad] below which no cell may fall, and below which cells are worked on.
_FLOOR, _TARGET = np.radians(12.0), np.radians(20.0)
#: Visits of each node: on the coarse image, on the whole one, and of these without smoothing.
_COARSE_SWEEPS, _SWEEPS, _SETTLING, _LAST_SWEEPS = 6, 8, 2, 3
_PASSES = 8
#: Widest range of label values that gets a table.
_WIDEST = 1 << 24
#: Relative difference between a grain's volume and that of its voxels that is worth a note.
_NOTABLE = 0.1
_TOO_LARGE = (
    "size is too large for the grains of labels: none holds a cell; it is an edge length in metres"
)


@dataclass(frozen=True)
class _Image:
    """Labels with void as 0 and grains from 1 on in the order in which they appear."""

    voxels: NDArray[np.int32]  #: (n0, n1, n2), n0 = 1 in the plane
    values: _Index  #: (n_grain,) what each grain was called, ascending
    number: _Index  #: (n_grain,) its label in `voxels`
    count: _Index  #: (n_grain,) voxels


def from_labels(
    labels: ArrayLike,
    voxel_size_um: float | Sequence[float],
    *,
    size: float,
    orientations: ArrayLike | None = None,
    outside: int | None = 0,
    pores: int | Sequence[int] = (),
    smoothing: float = 1.2,
    origin_um: Sequence[float] | None = None,
    seed: int = 0,
    threads: int | None = None,
) -> Mesh:
    """Mesh of an imaged polycrystal: of a volume of grain labels, or of a section.

    A lattice of nearly regular cells is laid over the image; each takes the label of the voxels
    about it, and the nodes between different labels move onto the walls. Neighbours share nodes
    whatever their number, so the mesh conforms, and no move leaves an angle below 12°.

    Walls are where the shares of two grains among the voxels about a point, in Gaussian weights,
    are equal; the surface is where void has half of all. A wall so is smooth across its voxels'
    steps, and rounded where it bends within a voxel or two. Expect walls within 3 % of their area
    and a volume within 1.5 % where an edge has 2.5 voxels or more and a grain several edges; what
    is thinner than an edge vanishes, and is said in the notes.

    Parameters
    ----------
    labels : array_like
        (nz, ny, nx) integer label of each voxel, or (ny, nx) of each pixel.
    voxel_size_um : float or sequence of float
        Edge of a voxel, or (dz, dy, dx); (dy, dx) in the plane [µm].
    size : float
        Wanted edge length [m].
    orientations : array_like, optional
        (n_label, 3, 3) rotations from crystal to sample axes [1], one per grain label in ascending
        order; default random.
    outside : int or None
        Label of what surrounds the particle. So does all beyond the image; None if no voxel is
        outside.
    pores : int or sequence of int
        Labels of pores; they are not meshed, their walls become surface.
    smoothing : float
        Standard deviation of the weights, in voxels along each axis; at least a quarter of one.
    origin_um : sequence of float, optional
        Where the centre of the first voxel is, along the axes of the image [µm]; default zero.
    seed : int
        Of the random orientations; the mesh itself has no chance in it.
    threads : int, optional
        Default all cores; the result is the same for any number.

    Returns
    -------
    Mesh
        Points (x, y, z) or (x, y) [m]; the centre of voxel (0, 0, 0) is the origin, or lies at
        `origin_um` (see `mesh_position`). Grains are numbered by ascending label: grain i was
        ``settings["label_of_grain"][i]``. Grains too small for a cell are left out, which `notes`
        say, as they do of lost pores, of grains that changed much in volume or are in pieces, and
        of voxels too large for the size.
        ``settings["wall_distance"]`` has the root mean square and the largest distance of wall
        nodes from the image's walls [m].

    Raises
    ------
    ValueError
        If labels are not integers, there is no grain or none large enough for the size, a pore's
        label does not occur, or a voxel size, the size, the origin, smoothing or an orientation is
        no sensible number.

    References
    ----------
    Our method. The body-centred cubic lattice as a start for meshes of bounded angles is after
    F. Labelle and J. R. Shewchuk, ACM Transactions on Graphics 26 (2007) 57.

    Examples
    --------
    Two grains with a flat wall between them:

    >>> import numpy as np
    >>> from nmcx import mesh
    >>> labels = np.zeros((14, 14, 18), dtype=int)
    >>> labels[2:-2, 2:-2, 2:9], labels[2:-2, 2:-2, 9:-2] = 5, 3
    >>> grains = mesh.from_labels(labels, 0.1, size=0.3e-6)
    >>> grains.settings["label_of_grain"]
    [3, 5]
    >>> bool(np.degrees(mesh.quality(grains).angle_least) > 12)
    True
    """
    image_labels = np.asarray(labels)
    spacing = _spacing(image_labels, voxel_size_um)
    _check_numbers(size, smoothing)
    origin = _origin(origin_um, image_labels.ndim)
    pore_labels = _integers("pores", pores)
    image = _in_order_of_appearance(image_labels, outside, pore_labels)
    rotations = (
        random_orientations(len(image.values), seed)
        if orientations is None
        else as_rotations(orientations, name="orientations")
    )
    if len(rotations) != len(image.values):
        raise ValueError(
            f"orientations must have one rotation per grain label, {len(image.values)}, "
            f"not {len(rotations)}"
        )
    made = _mesh(image.voxels, spacing / size, smoothing, threads or 0)
    present = np.isin(image.number, made.label)
    if not present.any():
        raise ValueError(_TOO_LARGE)
    grain_of = np.full(len(image.number) + 1, -1)
    grain_of[image.number[present]] = np.arange(int(present.sum()))
    in_grain = made.label > 0
    settings = {
        "size": float(size),
        "voxel_size_um": [float(step * 1e6) for step in spacing],
        "outside": outside,
        "pores": [int(value) for value in pore_labels],
        "smoothing": float(smoothing),
        "seed": seed,
        "label_of_grain": [int(value) for value in image.values[present]],
        "wall_distance": [float(size * value) for value in made.distance],
    }
    mesh = assemble(
        mesh_position(made.points * (size * 1e6) + origin),
        made.cells[in_grain],
        grain_of[made.label[in_grain]],
        rotations[present],
        settings=settings,
    )
    notes = [
        *_notes_on_image(image, spacing, size),
        *_notes_on_losses(image, present, image_labels, pore_labels, made, spacing / size),
        *_notes_on_grains(mesh, (image.count[present] * np.prod(spacing)).astype(np.float64)),
    ]
    return replace(mesh, notes=tuple(notes))


@dataclass(frozen=True)
class _Labelled:
    """Conforming cells, along the axes of the image and in units of the edge length."""

    points: _Float
    cells: _Index
    label: _Index  #: (m,) 0 where void
    distance: tuple[float, float]  #: of wall nodes from their walls: root mean square, largest


def _mesh(voxels: NDArray[np.int32], spacing: _Float, smoothing: float, threads: int) -> _Labelled:
    floor, target = float(np.sin(_FLOOR)), float(np.sin(_TARGET))
    # Nodes find walls within a few voxels only, so the first steps are on a coarser image.
    stride = np.maximum(1, (1.0 / _VOXELS_PER_EDGE / spacing).astype(np.int64))
    every = (1, *stride)[-3:]
    coarse = np.ascontiguousarray(voxels[:: every[0], :: every[1], :: every[2]])
    if not coarse.any():
        raise ValueError(_TOO_LARGE)
    lattice = _core.label_lattice(
        coarse, spacing * stride, edge=1.0, smoothing=smoothing, threads=threads
    )
    points, cells, label = lattice.points, lattice.cells, lattice.label

    def projected(
        image: NDArray[np.int32], step: _Float, n_sweep: int, n_settle: int
    ) -> _core.ProjectedMesh:
        return _core.project_labels(
            points, cells, label, image, step, edge=1.0, smoothing=smoothing, floor=floor,
            target=target, n_sweep=n_sweep, n_settle=n_settle, threads=threads,
        )  # fmt: skip

    points = projected(coarse, spacing * stride, _COARSE_SWEEPS, 0).points
    points = projected(voxels, spacing, _SWEEPS, _SETTLING).points
    better = _improved(points, cells, label, target)
    points, cells, label = better.points, better.cells, better.grain
    last = projected(voxels, spacing, _LAST_SWEEPS, _LAST_SWEEPS)
    points = last.points
    better = _improved(points, cells, label, target)
    off = last.distance[last.distance > 0]
    distance = (float(np.sqrt(np.mean(off**2))), float(off.max())) if off.size else (0.0, 0.0)
    return _Labelled(better.points, better.cells, better.grain, distance)


def _improved(points: _Float, cells: _Index, label: _Index, target: float) -> _core.ImprovedMesh:
    """Edges replaced and nodes inside of grains moved; nodes of walls and of the border stay."""
    n = len(points)
    least = np.full(n, np.iinfo(np.int64).max)
    most = np.full(n, -1)
    corner, of_cell = cells.ravel(), np.repeat(label, cells.shape[1])
    np.minimum.at(least, corner, of_cell)
    np.maximum.at(most, corner, of_cell)
    freedom = np.where(
        (least == most) & (least > 0), int(_core.Freedom.FREE), int(_core.Freedom.FIXED)
    )
    return _core.improve_mesh(
        points, cells, label, freedom.astype(np.uint8), np.zeros_like(points), np.ones(n),
        radius=1.0, target=target, n_pass=_PASSES, floor=0.0, collapse_length=0.0,
    )  # fmt: skip


def _spacing(image: NDArray[np.generic], voxel_size_um: float | Sequence[float]) -> _Float:
    """Check the image's form; (d,) voxel edges [m] along its axes."""
    if image.dtype.kind not in "iub":
        raise ValueError(
            f"labels must hold integers, not {image.dtype}; labels.astype(int) if they are whole"
        )
    if image.ndim not in (2, 3) or not image.size:
        raise ValueError(f"labels must have shape (nz, ny, nx) or (ny, nx), not {image.shape}")
    step = np.asarray(voxel_size_um, dtype=np.float64)
    if step.ndim > 1 or step.size not in (1, image.ndim):
        raise ValueError(
            f"voxel_size_um must be one number or {image.ndim}, one per axis of labels, "
            f"not {voxel_size_um}"
        )
    if not (np.isfinite(step).all() and (step > 0).all()):
        raise ValueError(f"voxel_size_um must be positive and finite, not {voxel_size_um}")
    return np.broadcast_to(step.ravel(), (image.ndim,)) * 1e-6


def _origin(origin_um: Sequence[float] | None, n_axis: int) -> _Float:
    origin = np.zeros(n_axis) if origin_um is None else np.asarray(origin_um, dtype=np.float64)
    if origin.shape != (n_axis,) or not np.isfinite(origin).all():
        raise ValueError(
            f"origin_um must be {n_axis} finite numbers, one per axis of labels, not {origin_um}"
        )
    return origin


def _integers(name: str, values: int | Sequence[int]) -> _Index:
    array = np.atleast_1d(np.asarray(values))
    if array.size and (array.dtype.kind not in "iu" or array.ndim != 1):
        raise ValueError(f"{name} must be a label or a sequence of labels, not {values}")
    return array.astype(np.int64)


def _check_numbers(size: float, smoothing: float) -> None:
    for name, value in (("size", size), ("smoothing", smoothing)):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be positive and finite, not {value}")


def _in_order_of_appearance(
    labels: NDArray[np.generic], outside: int | None, pores: _Index
) -> _Image:
    """Number the grains as they appear, so that what they are called cannot change the mesh."""
    image = labels if labels.ndim == 3 else labels[np.newaxis]
    if image.dtype.kind == "b":
        image = image.astype(np.uint8)
    low, high = int(image.min()), int(image.max())
    if high - low > _WIDEST:
        values, inverse = np.unique(image, return_inverse=True)
        image, low, high = inverse.reshape(image.shape), 0, len(values) - 1
    else:
        values = np.arange(low, high + 1)
    count = np.zeros(high - low + 1, dtype=np.int64)
    order: list[int] = []
    for layer in image:
        index = layer.ravel().astype(np.int64) - low
        inside = np.bincount(index, minlength=len(count))
        new = np.flatnonzero((inside > 0) & (count == 0))
        order += sorted(new.tolist(), key=lambda value: int(np.argmax(index == value)))
        count += inside
    unknown = [int(value) for value in pores if not count[values == value].any()]
    if unknown:
        raise ValueError(f"pores holds labels that do not occur in labels: {unknown}")
    is_void = np.isin(values, [*pores, *([] if outside is None else [outside])])
    order = [value for value in order if not is_void[value]]
    if not order:
        raise ValueError("labels has no grain: all of it is outside or pores")
    table = np.zeros(len(count), dtype=np.int32)
    table[order] = np.arange(1, len(order) + 1)
    voxels = np.empty(image.shape, dtype=np.int32)
    for layer, numbered in zip(image, voxels, strict=True):
        numbered[...] = table[layer.astype(np.int64) - low]
    ascending = np.sort(order)
    return _Image(voxels, values[ascending], table[ascending].astype(np.int64), count[ascending])


def _notes_on_image(image: _Image, spacing: _Float, size: float) -> list[str]:
    notes = []
    if spacing.max() * _VOXELS_PER_EDGE > size * (1 + 1e-9):
        notes.append(
            f"voxels of {spacing.max() * 1e6:.3g} um are larger than 1/{_VOXELS_PER_EDGE} of the "
            "size: walls are rounded over more than half an edge"
        )
    border = np.zeros(len(image.number) + 1, dtype=np.bool_)
    for axis in range(3 - len(spacing), 3):
        for end in (0, -1):
            border[np.take(image.voxels, end, axis=axis)] = True
    if border[1:].any():
        notes.append(f"{int(border[1:].sum())} grains reach the border of the image and end there")
    return notes


def _notes_on_losses(
    image: _Image,
    present: NDArray[np.bool_],
    labels: NDArray[np.generic],
    pores: _Index,
    made: _Labelled,
    spacing: _Float,
) -> list[str]:
    notes = []
    if not present.all():
        lost = [int(value) for value in image.values[~present]]
        notes.append(f"grains too small for a cell, left out: labels {_listed(lost)}")
    void = made.points[made.cells[made.label == 0]].mean(axis=1) / spacing
    nearest = np.rint(void).astype(np.int64)
    nearest = nearest[((nearest >= 0) & (nearest < labels.shape)).all(axis=1)]
    met = np.unique(labels[tuple(nearest.T)])
    filled = [int(value) for value in pores if value not in met]
    if filled:
        notes.append(f"pores too small for a cell, filled: labels {_listed(filled)}")
    return notes


def _notes_on_grains(mesh: Mesh, expected: _Float) -> list[str]:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    notes = []
    label = mesh.settings["label_of_grain"]
    volume = np.bincount(mesh.grain, mesh.volume)
    changed = np.flatnonzero(np.abs(volume / expected - 1) > _NOTABLE)
    if changed.size:
        notes.append(
            f"grains that differ from their voxels by more than {_NOTABLE:.0%} in volume: labels "
            f"{_listed([label[i] for i in changed])}"
        )
    links = np.repeat(mesh.cells[:, :1], mesh.dimension, axis=1).ravel(), mesh.cells[:, 1:].ravel()
    n = len(mesh.points)
    body = connected_components(coo_array((np.ones(len(links[0])), links), shape=(n, n)))[1]
    pieces = np.unique(np.column_stack([mesh.grain, body[mesh.cells[:, 0]]]), axis=0)
    split = np.flatnonzero(np.bincount(pieces[:, 0]) > 1)
    if split.size:
        notes.append(f"grains in several pieces: labels {_listed([label[i] for i in split])}")
    return notes


def _listed(values: list[int]) -> str:
    shown = ", ".join(str(value) for value in values[:10])
    return shown if len(values) <= 10 else f"{shown} and {len(values) - 10} more"
