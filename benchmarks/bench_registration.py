"""Drift between two scans: 60 x 60 pixels, 500 counts, textured discs."""

import numpy as np

from nmcx import surface
from nmcx.results import Shift, StxmStack


def textured_disc(shift, contrast, side, seed):
    """Optical density of a disc with 25 blobs; `contrast` scales the disc, not the blobs."""
    random = np.random.default_rng(seed)
    scale = side / 60
    radius = scale * random.uniform(16, 20)
    centres = scale * random.uniform(-10, 10, (25, 2))
    width, height = scale * random.uniform(1.2, 3.5, 25), random.normal(0, 0.35, 25)
    y, x = np.mgrid[:side, :side] - side / 2
    y, x = y - shift[0], x - shift[1]
    body = 0.5 * (1 - np.tanh(np.hypot(y, x) - radius))
    blobs = sum(
        h * np.exp(-((y - b) ** 2 + (x - a) ** 2) / (2 * w * w))
        for h, (b, a), w in zip(height, centres, width, strict=True)
    )
    return np.clip(body * (contrast + 0.6 * blobs), 0, None)


def pair(seed, contrast, side=60):
    random = np.random.default_rng(1000 + seed)
    shift = random.uniform(-4, 4, 2)
    images = []
    for move, strength in (((0.0, 0.0), 1.0), (shift, contrast)):
        counts = random.poisson(500 * np.exp(-textured_disc(move, strength, side, seed)))
        images.append(-np.log(np.maximum(counts, 1) / 500))
    return images, shift


class Registration:
    params = ([60, 240], [1.0, 0.6])
    param_names = ("side", "contrast")

    def setup(self, side, contrast):
        self.images, _ = pair(1, contrast, side)

    def time_register(self, side, contrast):
        surface.register(*self.images)

    def peakmem_register(self, side, contrast):
        surface.register(*self.images)


class Affine:
    def setup(self):
        # A round disc holds no rotation and is refused.
        random = np.random.default_rng(2)
        images = [textured_disc(move, 1.0, 60, 2) for move in ((0.0, 0.0), (1.3, -2.2))]
        y, x = np.mgrid[:60, :60] - 30.0
        for image, (dy, dx) in zip(images, ((0.0, 0.0), (1.3, -2.2)), strict=True):
            image += np.exp(-(((y - dy) / 24.0) ** 4) - ((x - dx) / 6.0) ** 4)
        self.images = [-np.log(random.poisson(5000 * np.exp(-i)) / 5000) for i in images]

    def time_register(self):
        surface.register(*self.images, motion="affine")

    def time_resampled(self):
        image = self.images[0]
        surface.resampled(image, image, Shift(0.3, -1.7, 0.0))


class Stack:
    params = (10, 40)
    param_names = ("n_energy",)

    def setup(self, n_energy):
        random = np.random.default_rng(1)
        drift = np.linspace(-7, 7, n_energy)
        counts = [
            random.poisson(500 * np.exp(-textured_disc((d, -0.5 * d), 1.0, 60, 1))) for d in drift
        ]
        axis = np.arange(60.0)
        energy = np.linspace(850.0, 860.0, n_energy)
        self.stack = StxmStack(np.array(counts, dtype=float), energy, axis, axis)

    def time_align_stack(self, n_energy):
        surface.align_stack(self.stack)


class Accuracy:
    params = (1.0, 0.6)
    param_names = ("contrast",)
    unit = "px"

    def track_rms_error(self, contrast):
        errors = []
        for seed in range(1, 201):
            images, shift = pair(seed, contrast)
            found = surface.register(*images)
            errors.append((found.dy - shift[0]) ** 2 + (found.dx - shift[1]) ** 2)
        return float(np.sqrt(np.mean(errors)))
