"""The works that nmcx builds on, each once; who cites one names its key."""

from __future__ import annotations

from dataclasses import dataclass

from nmcx import __version__


@dataclass(frozen=True)
class Source:
    """A work, and what nmcx takes from it."""

    key: str  #: as in BibTeX
    authors: tuple[str, ...]  #: "S. Li"
    title: str  #: "" where the work is known by its place
    where: str  #: journal, report or publisher
    year: int
    what: str = ""  #: what nmcx takes from it
    volume: str = ""
    page: str = ""
    doi: str = ""
    kind: str = "article"  #: or "book", "techreport", "inproceedings", "software"

    def text(self) -> str:
        """In a line, as the report prints it."""
        names = ", ".join(self.authors) if len(self.authors) < 4 else f"{self.authors[0]} et al."
        title = f"{self.title}, " if self.title else ""
        volume = f"version {self.volume}" if self.kind == "software" else self.volume
        place = " ".join(part for part in (self.where, volume) if part)
        year = f"({self.year}) " if self.year else ""
        text = f"{names}, {title}{place} {year}{self.page}".strip()
        text += f", doi {self.doi}" if self.doi else ""
        return f"{text}: {self.what}." if self.what else f"{text}."

    def bibtex(self) -> str:
        """As an entry of BibTeX."""
        names = (_family_first(name) for name in self.authors)
        place = {"article": "journal", "book": "publisher", "techreport": "institution",
                 "inproceedings": "booktitle", "software": "organization"}[self.kind]  # fmt: skip
        rows = {
            "author": " and ".join(names),
            "title": f"{{{self.title}}}" if self.title else "",
            place: self.where,
            "version" if self.kind == "software" else "volume": self.volume,
            "number" if self.kind == "techreport" else "pages": self.page,
            "year": str(self.year) if self.year else "",
            "doi": self.doi,
        }
        lines = [f"  {name} = {{{_escaped(text)}}}," for name, text in rows.items() if text]
        return "\n".join([f"@{self.kind}{{{self.key},", *lines, "}"])


def _family_first(name: str) -> str:
    """Initials last: "Li, S." of "S. Li"; a group keeps its name."""
    initials = [word for word in name.split() if word.endswith(".")]
    family = name.split()[len(initials) :]
    return f"{' '.join(family)}, {' '.join(initials)}" if initials else f"{{{name}}}"


def _escaped(text: str) -> str:
    for sign in "&%#_":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("–", "--")


def _article(
    key: str, authors: str, title: str, where: str, volume: str, page: str, what: str, doi: str = ""
) -> Source:
    year = int(key[-4:])
    return Source(key, tuple(authors.split(", ")), title, where, year, what, volume, page, doi)


SOFTWARE = Source(
    "nmcx", ("The nmcx developers",), "nmcx", "", 0, "the program", __version__,
    kind="software",
)  # fmt: skip

_ALL = (
    _article(
        "li2020", "S. Li, Z. Jiang, J. Han, Z. Xu, C. Wang, H. Huang, C. Yu, S.-J. Lee, "
        "P. Pianetta, H. Ohldag, J. Qiu, J.-S. Lee, F. Lin, K. Zhao, Y. Liu",
        "Mutual modulation between surface chemistry and bulk microstructure within secondary "
        "particles of nickel-rich layered oxides",
        "Nature Communications", "11", "4433", "", "10.1038/s41467-020-18278-y",
    ),
    # Surface maps and spectra
    _article(
        "thevenaz1998", "P. Thévenaz, U. E. Ruttimann, M. Unser",
        "A pyramid approach to subpixel registration based on intensity",
        "IEEE Transactions on Image Processing", "7", "27", "registration of images",
    ),
    _article(
        "thevenaz2000", "P. Thévenaz, T. Blu, M. Unser", "Interpolation revisited",
        "IEEE Transactions on Medical Imaging", "19", "739", "interpolation by cubic splines",
    ),
    Source(
        "stohr1992", ("J. Stöhr",), "NEXAFS Spectroscopy", "Springer", 1992,
        "steps of soft X-ray edges, yield of a tilted surface", kind="book",
    ),
    Source(
        "efron1993", ("B. Efron", "R. Tibshirani"), "An Introduction to the Bootstrap",
        "Chapman & Hall", 1993, "noise of the suppression", kind="book",
    ),
    # Edges
    Source(
        "janesick2007", ("J. R. Janesick",), "Photon Transfer", "SPIE Press", 2007,
        "noise of a detector", kind="book",
    ),
    _article(
        "newville2013", "M. Newville",
        "Larch: An analysis package for XAFS and related spectroscopies",
        "Journal of Physics: Conference Series", "430", "012007", "normalisation of an edge",
    ),
    _article(
        "capehart1995", "T. A. Capehart, J. F. Herbst, R. K. Mishra, F. E. Pinkerton", "",
        "Physical Review B", "52", "7907", "edge energy by an integral",
    ),
    _article(
        "dau2003", "H. Dau, P. Liebisch, M. Haumann", "",
        "Analytical and Bioanalytical Chemistry", "376", "562", "levels of that integral",
    ),
    Source(
        "lawson1974", ("C. L. Lawson", "R. J. Hanson"), "Solving Least Squares Problems",
        "Prentice-Hall", 1974, "fractions that are not negative", kind="book",
    ),
    _article(
        "bearden1967", "J. A. Bearden, A. F. Burr", "X-ray Atomic Energy Levels",
        "Reviews of Modern Physics", "39", "125", "Ni K edge of the foil",
    ),
    # Microstructure
    _article(
        "otsu1979", "N. Otsu", "A threshold selection method from gray-level histograms",
        "IEEE Transactions on Systems, Man, and Cybernetics", "9", "62", "threshold",
    ),
    _article(
        "liao2001", "P.-S. Liao, T.-S. Chen, P.-C. Chung",
        "A fast algorithm for multilevel thresholding",
        "Journal of Information Science and Engineering", "17", "713", "several thresholds",
    ),
    _article(
        "canny1986", "J. Canny", "A computational approach to edge detection",
        "IEEE Transactions on Pattern Analysis and Machine Intelligence", "8", "679", "hysteresis",
    ),
    _article(
        "felzenszwalb2012", "P. F. Felzenszwalb, D. P. Huttenlocher",
        "Distance transforms of sampled functions", "Theory of Computing", "8", "415",
        "depth below the surface",
    ),
    _article(
        "woodruff1952", "R. S. Woodruff",
        "Confidence intervals for medians and other position measures",
        "Journal of the American Statistical Association", "47", "635", "interval of a median",
    ),
    _article(
        "sen1968", "P. K. Sen",
        "Estimates of the regression coefficient based on Kendall's tau",
        "Journal of the American Statistical Association", "63", "1379", "trend over the depth",
    ),
    _article(
        "swinbank2006", "R. Swinbank, R. J. Purser",
        "Fibonacci grids: A novel approach to global modelling",
        "Quarterly Journal of the Royal Meteorological Society", "132", "1769", "directions",
    ),
    _article(
        "gorski2005", "K. M. Górski, E. Hivon, A. J. Banday, B. D. Wandelt, F. K. Hansen, "
        "M. Reinecke, M. Bartelmann",
        "HEALPix: A framework for high-resolution discretization and fast analysis of data "
        "distributed on the sphere",
        "The Astrophysical Journal", "622", "759", "directions of equal areas",
    ),
    # Placing and correlation
    Source(
        "amanatides1987", ("J. Amanatides", "A. Woo"), "A fast voxel traversal algorithm",
        "Eurographics", 1987, "which voxels a ray meets", page="3", kind="inproceedings",
    ),
    _article(
        "golub1973", "G. H. Golub, V. Pereyra",
        "The differentiation of pseudo-inverses and nonlinear least squares problems whose "
        "variables separate",
        "SIAM Journal on Numerical Analysis", "10", "413", "fitted pose of a map",
    ),
    _article(
        "kennedy2001", "M. C. Kennedy, A. O'Hagan", "Bayesian calibration of computer models",
        "Journal of the Royal Statistical Society B", "63", "425", "misfit of the pose",
    ),
    _article(
        "alexanderbloch2018", "A. F. Alexander-Bloch, H. Shou, S. Liu, T. D. Satterthwaite, "
        "D. C. Glahn, R. T. Shinohara, S. N. Vandekar, A. Raznahan",
        "On testing for spatial correspondence between maps of human brain structure and function",
        "NeuroImage", "178", "540", "rotations as null",
    ),
    _article(
        "burt2020", "J. B. Burt, M. Helmer, M. Shinn, A. Anticevic, J. D. Murray",
        "Generative modeling of brain maps with spatial autocorrelation",
        "NeuroImage", "220", "117038", "maps of the same variogram as null",
    ),
    _article(
        "wagner2015", "H. H. Wagner, S. Dray",
        "Generating spatially constrained null models for irregularly spaced data using Moran "
        "spectral randomization methods",
        "Methods in Ecology and Evolution", "6", "1169", "Moran's spectra as null",
    ),
    _article(
        "clifford1989", "P. Clifford, S. Richardson, D. Hémon",
        "Assessing the significance of the correlation between two spatial processes",
        "Biometrics", "45", "123", "effective number of values",
    ),
    _article(
        "dutilleul1993", "P. Dutilleul",
        "Modifying the t test for assessing the correlation between two spatial processes",
        "Biometrics", "49", "305", "the test that goes with it",
    ),
    _article(
        "nichols2002", "T. E. Nichols, A. P. Holmes",
        "Nonparametric permutation tests for functional neuroimaging: a primer with examples",
        "Human Brain Mapping", "15", "1", "significance over all angles",
    ),
    # Model
    _article(
        "lloyd1982", "S. P. Lloyd", "Least squares quantization in PCM",
        "IEEE Transactions on Information Theory", "28", "129", "grains evened out",
    ),
    Source(
        "camanho2002", ("P. P. Camanho", "C. G. Dávila"),
        "Mixed-mode decohesion finite elements for the simulation of delamination in composite "
        "materials",
        "NASA", 2002, "traction and separation of walls", page="NASA/TM-2002-211737",
        kind="techreport",
    ),
    _article(
        "benzeggagh1996", "M. L. Benzeggagh, M. Kenane",
        "Measurement of mixed-mode delamination fracture toughness of unidirectional glass/epoxy "
        "composites with mixed-mode bending apparatus",
        "Composites Science and Technology", "56", "439", "energy of walls in mixed mode",
    ),
    _article(
        "turon2006", "A. Turon, P. P. Camanho, J. Costa, C. G. Dávila",
        "A damage model for the simulation of delamination in advanced composites under "
        "variable-mode loading",
        "Mechanics of Materials", "38", "1072", "onset of damage in mixed mode",
    ),
    Source(
        "rasmussen2006", ("C. E. Rasmussen", "C. K. I. Williams"),
        "Gaussian Processes for Machine Learning", "MIT Press", 2006,
        "the field of ξ between and beyond the pixels of its map", kind="book",
    ),
    _article(
        "myllymaki2017", "M. Myllymäki, T. Mrkvička, P. Grabarnik, H. Seijo, U. Hahn",
        "Global envelope tests for spatial processes",
        "Journal of the Royal Statistical Society B", "79", "381",
        "curves ranked by their largest deviation",
    ),
)  # fmt: skip

#: Every source by its key, in the order of the chain.
SOURCES = {source.key: source for source in _ALL}
