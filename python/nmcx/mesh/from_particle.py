"""The imaged particle as a mesh: synthetic grains in its solid, its pores and cracks open."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmcx.mesh.axes import image_position, mesh_position
from nmcx.mesh.build import assemble
from nmcx.mesh.from_labels import from_labels
from nmcx.mesh.orientation import radial_texture, random_orientations
from nmcx.mesh.polycrystal import Texture
from nmcx.mesh.uncut import before_the_cuts, hanging_together, neighbours
from nmcx.results import Mesh, Particle, facet_area

_Index = NDArray[np.int64]
_Float = NDArray[np.float64]
_Mask = NDArray[np.bool_]

#: Voxels per edge length to which the image is made coarser: what `from_labels` needs.
_VOXELS_PER_EDGE = 2.5
#: Passes of Lloyd's method over the seeds, as `ball` has.
_RELAXED = 4
#: Rounds in which grains without a cell give way.
_TRIES = 6
#: Parts of a grain below this share of the mean grain join the neighbour they share most wall with.
_LEAST_PART = 0.1


def from_particle(
    particle: Particle,
    *,
    n_grains: int | None = None,
    grain_size: float | None = None,
    size: float,
    seed: int = 0,
    texture: Texture = "random",
    smoothing: float = 1.2,
    threads: int | None = None,
) -> Mesh:
    """Mesh of an imaged particle: Voronoi grains in its solid; pores and cracks stay open.

    Tomography sees pores but not grains. Seeds are strewn over the imaged solid and evened out; a
    voxel of the solid belongs to the nearest seed. What the image shows as void is not meshed, and
    its walls are surface: `reached_surface` says which of it electrolyte can reach. Positions in
    the mesh are those in the image (`mesh_position`, `image_position`).

    Voxels finer than 1/2.5 of the size are first made coarser: a coarse voxel is solid where at
    least half of it is, by `particle.solid_fraction` if there is one. Cracks and bridges thinner
    than half a coarse voxel so vanish, which `notes` say.

    Parameters
    ----------
    particle : Particle
        Its solid is meshed. To close the imaged pores, give a particle whose solid is the envelope.
    n_grains : int, optional
        Number of seeds.
    grain_size : float, optional
        Diameter [m] of a ball of the mean volume of a grain, instead of `n_grains`.
    size : float
        Wanted edge length [m]; a third of a grain or less.
    seed : int
        Of seeds and orientations; the same seed gives the same mesh.
    texture : {"random", "radial"}
        As `random_orientations` and `radial_texture` do, about the centre of the particle.
    smoothing : float
        See `from_labels`; in coarse voxels.
    threads : int, optional
        Default all cores; the result is the same for any number.

    Returns
    -------
    Mesh
        One body. A grain that pores or cracks cut in parts becomes one grain per part, with an
        orientation each; parts of less than a tenth of a grain join a neighbour. ``settings`` has
        the volumes of ``solid_um3`` in the image, ``meshed_um3``, and of what was left out because
        it hangs together with the rest by less than a cell, ``loose_um3``; ``void_um3`` of the
        image and ``void_filled_um3`` (net) of it too thin for the size.

    Raises
    ------
    ValueError
        If an argument is out of range, the particle has no solid, or none is thick enough.

    References
    ----------
    Our method; lattice and walls as in `from_labels`. Evening out: S. P. Lloyd, IEEE Transactions
    on Information Theory 28 (1982) 129.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import mesh
    >>> from nmcx.results import Particle
    >>> z, y, x = np.mgrid[-16:17, -16:17, -16:17] * 0.1
    >>> ball = x**2 + y**2 + z**2 < 1.5**2
    >>> cracked = ball & ~((np.abs(z) < 0.15) & (x > 0))
    >>> grains = mesh.from_particle(Particle(cracked, ball, 0.1), n_grains=8, size=0.3e-6, seed=1)
    >>> grains.n_grain, round(grains.settings["meshed_um3"] / grains.settings["solid_um3"], 2)
    (9, 0.96)
    """
    if not (math.isfinite(size) and size > 0):
        raise ValueError(f"size must be positive and finite [m], not {size}")
    if texture not in ("random", "radial"):
        raise ValueError(f'texture must be "random" or "radial", not {texture!r}')
    image = _coarse(particle, size * 1e6)
    n = _number_of_grains(n_grains, grain_size, image)
    placing, turning = np.random.SeedSequence(seed).spawn(2)
    raw = _grains(image, n, np.random.default_rng(placing), size, smoothing, threads)
    body = _one_body(raw)
    stream = int(turning.generate_state(1)[0])
    if texture == "radial":
        centre = mesh_position(particle.centre_um)
        orientation = radial_texture(body.centres(), stream, origin=centre)
    else:
        orientation = random_orientations(int(body.grain.max()) + 1, stream)
    volumes = {
        "solid_um3": image.solid_um3,
        "meshed_um3": float(body.volume.sum() * 1e18),
        "loose_um3": image.loose_um3 + body.loose * 1e18,
        "void_um3": image.void_um3,
        "void_filled_um3": image.filled_um3,
    }
    settings = {
        "size": float(size),
        "voxel_size_um": image.spacing_um.tolist(),
        "n_seed": n,
        "seed": seed,
        "texture": texture,
        "smoothing": float(smoothing),
        "wall_distance": raw.settings["wall_distance"],
        **volumes,
    }
    notes = _notes(volumes, n - raw.n_grain, n)
    return assemble(
        body.points, body.cells, body.grain, orientation, settings=settings, notes=notes
    )


def reached_surface(mesh: Mesh, particle: Particle) -> _Mask:
    """Which facets of the surface electrolyte can reach: of the outside, and of pores open to it.

    Parameters
    ----------
    mesh : Mesh
        From `from_particle`.
    particle : Particle
        The one it was made of. Its void voxels that hang together by their faces up to the outside
        are open; a neck too thin for the mesh leads through all the same.

    Returns
    -------
    numpy.ndarray
        (s,) whether the void nearest to each facet of ``mesh.surface`` is open [1].

    Raises
    ------
    ValueError
        If the mesh is not in space.

    References
    ----------
    Our method.

    Examples
    --------
    A ball with a closed hole in its middle:

    >>> import numpy as np
    >>> from nmcx import mesh
    >>> from nmcx.results import Particle
    >>> r = np.linalg.norm(np.mgrid[-16:17, -16:17, -16:17] * 0.1, axis=0)
    >>> hollow = Particle((r < 1.5) & (r > 0.6), r < 1.5, 0.1)
    >>> grains = mesh.from_particle(hollow, n_grains=8, size=0.3e-6, seed=1)
    >>> reached = mesh.reached_surface(grains, hollow)
    >>> closed = grains.surface_area[~reached].sum() * 1e12
    >>> bool(abs(closed / (4 * np.pi * 0.6**2) - 1) < 0.2)
    True
    """
    from scipy.ndimage import binary_dilation, label
    from scipy.spatial import cKDTree

    if mesh.dimension != 3:
        raise ValueError("mesh must be one of tetrahedra, made from a particle")
    solid = np.pad(particle.solid, 1)
    void_of, _ = label(~solid)
    rim = ~solid & binary_dilation(solid)
    spacing = np.asarray(particle.voxel_size_um)
    at = (np.argwhere(rim) - 1) * spacing
    centre = image_position(mesh.points[mesh.surface].mean(axis=1))
    nearest = cKDTree(at).query(centre)[1]
    # The first voxel of the padding is outside.
    return np.asarray(void_of[rim][nearest] == void_of[0, 0, 0])


@dataclass(frozen=True)
class _Coarse:
    """The image at the resolution of the mesh, its largest body only."""

    solid: _Mask  #: (nz, ny, nx)
    spacing_um: _Float  #: (3,)
    origin_um: _Float  #: (3,) centre of the first coarse voxel
    solid_um3: float  #: of the image
    loose_um3: float  #: of coarse voxels beside the largest body
    void_um3: float  #: of the image
    filled_um3: float  #: void of the image less that which is left


def _coarse(particle: Particle, size_um: float) -> _Coarse:
    from scipy.ndimage import label

    spacing = np.asarray(particle.voxel_size_um)
    stride = np.maximum(1, np.floor(size_um / _VOXELS_PER_EDGE / spacing + 1e-9).astype(int))
    share = particle.solid if particle.solid_fraction is None else particle.solid_fraction
    share = np.where(particle.envelope, np.nan_to_num(np.clip(share, 0.0, 1.0)), 0.0)
    part = _block_means(share, stride)
    envelope = _block_means(particle.envelope, stride)
    solid = part >= 0.5
    number, n_body = label(solid)
    if n_body == 0:
        raise ValueError(
            "the particle has no solid as thick as half a voxel of size / 2.5; take a smaller size"
        )
    volumes = np.bincount(number[solid])
    largest = number == int(np.argmax(volumes))
    coarse_um3 = float(np.prod(spacing * stride))
    void = float((envelope - part).clip(0.0).sum())
    left = float((envelope >= 0.5).sum() - solid.sum())
    return _Coarse(
        solid=largest,
        spacing_um=spacing * stride,
        origin_um=0.5 * (stride - 1) * spacing,
        solid_um3=float(part.sum()) * coarse_um3,
        loose_um3=float(solid.sum() - largest.sum()) * coarse_um3,
        void_um3=void * coarse_um3,
        filled_um3=max(0.0, void - left) * coarse_um3,
    )


def _block_means(volume: NDArray[np.generic], stride: _Index) -> _Float:
    """Means over blocks of voxels; what lies beyond the image is 0."""
    pad = [(0, int(-n % step)) for n, step in zip(volume.shape, stride, strict=True)]
    padded = np.pad(volume.astype(np.float32), pad)
    a, b, c = (n // step for n, step in zip(padded.shape, stride, strict=True))
    blocks = padded.reshape(a, stride[0], b, stride[1], c, stride[2])
    return np.asarray(blocks.mean(axis=(1, 3, 5), dtype=np.float64))


def _grains(
    image: _Coarse,
    n: int,
    rng: np.random.Generator,
    size: float,
    smoothing: float,
    threads: int | None,
) -> Mesh:
    """Mesh of the solid's voxels, each of the nearest of n seeds; grains without a cell give way.

    A grain that gets no cell would leave a hole: its seed is taken away, and neighbours have its
    place.
    """
    from scipy.spatial import cKDTree

    voxels = np.argwhere(image.solid)
    places = voxels * image.spacing_um
    seeds = _seeds(places, image.spacing_um, n, rng)
    for _ in range(_TRIES):
        labels = np.zeros(image.solid.shape, dtype=np.int32)
        labels[tuple(voxels.T)] = cKDTree(seeds).query(places)[1] + 1
        raw = from_labels(
            labels, image.spacing_um.tolist(), size=size, origin_um=image.origin_um.tolist(),
            smoothing=smoothing, threads=threads,
        )  # fmt: skip
        kept = np.asarray(raw.settings["label_of_grain"]) - 1
        if len(kept) == len(seeds):
            return raw
        seeds = seeds[kept]
    raise ValueError(
        f"size is too large for {n} grains: most of them hold no cell; a grain needs about three "
        "edges across, so take a smaller size or fewer grains"
    )


def _seeds(places: _Float, spacing: _Float, n: int, rng: np.random.Generator) -> _Float:
    """(n, 3) seeds strewn over places (m, 3), then moved to the middles of their grains."""
    from scipy.spatial import cKDTree

    seeds = places[rng.choice(len(places), n, replace=False)]
    # Seeds on voxel centres would tie.
    seeds = seeds + spacing * rng.uniform(-0.5, 0.5, seeds.shape)
    for _ in range(_RELAXED):
        nearest = cKDTree(seeds).query(places)[1]
        count = np.bincount(nearest, minlength=n)
        total = np.column_stack([np.bincount(nearest, x, minlength=n) for x in places.T])
        seeds = np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], seeds)
    return np.asarray(seeds)


@dataclass(frozen=True)
class _Body:
    """Cells that hang together by their facets, each grain in one piece."""

    points: _Float
    cells: _Index
    grain: _Index
    volume: _Float
    loose: float  #: volume of the cells left out [m³]

    def centres(self) -> _Float:
        middle = self.points[self.cells].mean(axis=1)
        total = np.bincount(self.grain, self.volume)
        columns = [np.bincount(self.grain, self.volume * x) / total for x in middle.T]
        return np.column_stack(columns)


def _one_body(mesh: Mesh) -> _Body:
    node, points = before_the_cuts(mesh)
    cells = node[mesh.cells]
    pairs, facets = neighbours(cells)
    volume = np.asarray(mesh.volume, dtype=np.float64)
    body = hanging_together(len(cells), pairs)
    kept = body == np.argmax(np.bincount(body, volume))
    inside = kept[pairs[:, 0]]
    pairs, facets = pairs[inside], facets[inside]
    same = mesh.grain[pairs[:, 0]] == mesh.grain[pairs[:, 1]]
    part = hanging_together(len(cells), pairs[same])
    part[kept] = np.unique(part[kept], return_inverse=True)[1]
    area = np.asarray(facet_area(points, facets), dtype=np.float64)
    part = _without_splinters(part, kept, volume, pairs, area, mesh.n_grain)
    return _Body(
        points, cells[kept], np.unique(part[kept], return_inverse=True)[1].astype(np.int64),
        volume[kept], float(volume[~kept].sum()),
    )  # fmt: skip


def _without_splinters(
    part: _Index, kept: _Mask, volume: _Float, pairs: _Index, area: _Float, n_grain: int
) -> _Index:
    """Parts after small ones, the smallest first, have joined a neighbour."""
    least = _LEAST_PART * volume[kept].sum() / n_grain
    while True:
        size = np.bincount(part[kept], volume[kept])
        small = np.flatnonzero((size > 0) & (size < least))
        if not small.size:
            return part
        smallest = small[np.argmin(size[small])]
        sides = part[pairs]
        touches = (sides == smallest).any(axis=1) & (sides[:, 0] != sides[:, 1])
        if not touches.any():
            return part
        other = sides[touches].sum(axis=1) - smallest
        part = np.where(kept & (part == smallest), np.argmax(np.bincount(other, area[touches])),
                        part)  # fmt: skip


def _notes(volumes: dict[str, float], n_lost: int, n: int) -> list[str]:
    notes = []
    if n_lost:
        notes.append(
            f"{n_lost} of {n} grains were too small for the cells, and neighbours have their "
            "place: a grain needs about three edges across"
        )
    solid, void = volumes["solid_um3"], volumes["void_um3"]
    if volumes["loose_um3"] > 0.0:
        notes.append(
            f"{volumes['loose_um3'] / solid:.2%} of the solid hangs together with the rest by less "
            "than a cell, and is left out"
        )
    if volumes["void_filled_um3"] > 0.0:
        notes.append(
            f"{volumes['void_filled_um3'] / void:.0%} of the void is thinner than the cells can "
            "show, and is filled"
        )
    return notes


def _number_of_grains(n_grains: int | None, grain_size: float | None, image: _Coarse) -> int:
    if (n_grains is None) == (grain_size is None):
        raise ValueError("give one of n_grains and grain_size")
    n_voxel = int(image.solid.sum())
    if grain_size is not None:
        if not (math.isfinite(grain_size) and grain_size > 0):
            raise ValueError(f"grain_size must be positive and finite [m], not {grain_size}")
        volume_um3 = n_voxel * float(np.prod(image.spacing_um))
        number = max(1, round(volume_um3 / (np.pi / 6.0 * (grain_size * 1e6) ** 3)))
    elif n_grains is None or not (n_grains >= 1 and n_grains == np.floor(n_grains)):
        raise ValueError(f"n_grains must be a whole number, 1 or more, not {n_grains}")
    else:
        number = int(n_grains)
    if number > n_voxel:
        raise ValueError(
            f"{number} grains are more than the {n_voxel} voxels of size / 2.5 in the solid; take "
            "fewer grains or a smaller size"
        )
    return number
