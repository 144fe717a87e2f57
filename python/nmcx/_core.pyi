"""
Kernels of nmcx; private, see the Python modules for documentation.
"""

from __future__ import annotations
import collections.abc
import nmcx.errors
import numpy
import numpy.typing
import typing

__all__: list[str] = [
    "CapMeans",
    "CohesiveLaw",
    "CohesiveMode",
    "CohesiveState",
    "CohesiveWalls",
    "ConeCounts",
    "ConvergenceError",
    "DistanceClasses",
    "EdgeMap",
    "EdgeModel",
    "EdgeThresholds",
    "ElasticEquilibrium",
    "ElasticSolver",
    "ElasticState",
    "Elasticity",
    "Electrode",
    "ElectrodeResult",
    "EstimatorModel",
    "FacetQuadrature",
    "FirstHits",
    "FollowedStep",
    "Fracture",
    "FractureEnergies",
    "FractureLoad",
    "FracturePoint",
    "FractureReport",
    "FractureStep",
    "Freedom",
    "ImprovedMesh",
    "InsertedInterfaces",
    "LabelLattice",
    "LineMeans",
    "MatrixArrays",
    "MeasuredEdges",
    "MidsideNodes",
    "MixedMode",
    "MotionModel",
    "Normalised",
    "OnsetCriterion",
    "PlaneState",
    "ProjectedMesh",
    "ReferenceMap",
    "ReferenceModel",
    "Registration",
    "RegistrationOptions",
    "Resampled",
    "SofteningShape",
    "SolverExperience",
    "SolverKind",
    "StepResult",
    "SurfaceView",
    "TangentKind",
    "TractionSeparation",
    "Transport",
    "TurnedCorrelations",
    "WallEnergies",
    "WallResponse",
    "Warp",
    "active_instruction_set",
    "cap_means",
    "chord_lengths",
    "cohesive_mode",
    "cone_porosity",
    "distance_classes",
    "distance_transform",
    "edge_thresholds",
    "elastic_equilibrium",
    "electrode_potential",
    "first_hits",
    "fit_edges",
    "fit_references",
    "improve_mesh",
    "insert_interfaces",
    "judge_edges",
    "label_lattice",
    "line_profiles",
    "measure_edges",
    "midside_nodes",
    "normalise",
    "project_labels",
    "ray_envelope",
    "register_images",
    "resample",
    "rotation_null",
    "supported_instruction_set",
    "surface_view",
    "threshold_stride",
    "traction_separation",
]

class ConvergenceError(nmcx.errors.ConvergenceError):
    pass

class EstimatorModel:
    def __init__(
        self,
        name: str = "half_jump",
        template_ev: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex] = [],
        template_mu: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex] = [],
    ) -> None: ...

class EdgeThresholds:
    def __init__(
        self,
        least_jump: typing.SupportsFloat | typing.SupportsIndex,
        largest_residual: typing.SupportsFloat | typing.SupportsIndex,
    ) -> None: ...
    @property
    def largest_residual(self) -> float: ...
    @property
    def least_jump(self) -> float: ...

class EdgeModel:
    def __init__(
        self,
        pre_edge: typing.Annotated[
            collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], "FixedSize(2)"
        ],
        post_edge: typing.Annotated[
            collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], "FixedSize(2)"
        ],
        pre_degree: typing.SupportsInt | typing.SupportsIndex,
        post_degree: typing.SupportsInt | typing.SupportsIndex,
        level: typing.SupportsFloat | typing.SupportsIndex = 0.5,
        peak_half_width_ev: typing.SupportsFloat | typing.SupportsIndex = 2.0,
        shape_mu: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex] = [],
    ) -> None: ...

class EdgeMap:
    @property
    def edge_energy_ev(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def edge_energy_std_ev(self) -> numpy.typing.NDArray[numpy.float32]: ...
    @property
    def edge_jump(self) -> numpy.typing.NDArray[numpy.float32]: ...
    @property
    def noise(self) -> numpy.typing.NDArray[numpy.float32]: ...
    @property
    def status(self) -> numpy.typing.NDArray[numpy.uint16]: ...
    @property
    def white_line_ev(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def white_line_height(self) -> numpy.typing.NDArray[numpy.float32]: ...
    @property
    def white_line_std_ev(self) -> numpy.typing.NDArray[numpy.float32]: ...

class MeasuredEdges:
    @property
    def map(self) -> EdgeMap: ...
    @property
    def noise_given(self) -> bool: ...
    @property
    def residual(self) -> numpy.typing.NDArray[numpy.float32]: ...

class Normalised:
    @property
    def edge_jump(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def flat(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def norm(self) -> numpy.typing.NDArray[numpy.float64]: ...

class ReferenceModel:
    def __init__(
        self,
        edge: EdgeModel,
        reference_ev: collections.abc.Sequence[
            collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]
        ],
        reference_mu: collections.abc.Sequence[
            collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]
        ],
        window: typing.Annotated[
            collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], "FixedSize(2)"
        ],
        shift: typing.Annotated[
            collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], "FixedSize(2)"
        ],
        sum_to_one: bool,
    ) -> None: ...

class ReferenceMap:
    @property
    def edge_jump(self) -> numpy.typing.NDArray[numpy.float32]: ...
    @property
    def energy_shift(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def energy_shift_std(self) -> numpy.typing.NDArray[numpy.float32]: ...
    @property
    def fraction(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def fraction_std(self) -> numpy.typing.NDArray[numpy.float32]: ...
    @property
    def residual(self) -> numpy.typing.NDArray[numpy.float32]: ...
    @property
    def status(self) -> numpy.typing.NDArray[numpy.uint16]: ...

class MotionModel:
    """
    Members:

      translation

      drift

      affine
    """

    __members__: typing.ClassVar[dict[str, MotionModel]]
    affine: typing.ClassVar[MotionModel]
    drift: typing.ClassVar[MotionModel]
    translation: typing.ClassVar[MotionModel]
    @typing.overload
    def __eq__(self, other: MotionModel) -> bool: ...
    @typing.overload
    def __eq__(self, other: typing.Any) -> bool: ...
    def __getstate__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __int__(self) -> int: ...
    @typing.overload
    def __ne__(self, other: MotionModel) -> bool: ...
    @typing.overload
    def __ne__(self, other: typing.Any) -> bool: ...
    def __repr__(self) -> str: ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __str__(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class RegistrationOptions:
    def __init__(
        self,
        max_dy: typing.SupportsFloat | typing.SupportsIndex,
        max_dx: typing.SupportsFloat | typing.SupportsIndex,
        model: MotionModel,
        smoothing: typing.SupportsFloat | typing.SupportsIndex = 0.8,
        variation: typing.SupportsInt | typing.SupportsIndex = 0,
        significance: typing.SupportsFloat | typing.SupportsIndex = 4.5,
    ) -> None: ...

class Warp:
    def __init__(
        self,
        dy: typing.SupportsFloat | typing.SupportsIndex,
        dx: typing.SupportsFloat | typing.SupportsIndex,
        strain: typing.Annotated[
            collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], "FixedSize(4)"
        ] = [0.0, 0.0, 0.0, 0.0],
    ) -> None: ...
    @property
    def dx(self) -> float: ...
    @property
    def dy(self) -> float: ...
    @property
    def strain(self) -> typing.Annotated[list[float], "FixedSize(4)"]: ...

class Registration:
    @property
    def correlation(self) -> float: ...
    @property
    def dx(self) -> float: ...
    @property
    def dy(self) -> float: ...
    @property
    def error(self) -> Warp: ...
    @property
    def n_iteration(self) -> int: ...
    @property
    def n_pixel(self) -> int: ...
    @property
    def significance(self) -> float: ...
    @property
    def std(self) -> float: ...
    @property
    def warp(self) -> Warp: ...

class Resampled:
    @property
    def value(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def variance(self) -> numpy.typing.NDArray[numpy.float64]: ...

class FirstHits:
    @property
    def point_um(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def voxel(self) -> numpy.typing.NDArray[numpy.int64]: ...

class ConeCounts:
    @property
    def directions(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def envelopes(self) -> numpy.typing.NDArray[numpy.int64]: ...
    @property
    def voids(self) -> numpy.typing.NDArray[numpy.int64]: ...

class LineMeans:
    @property
    def count(self) -> numpy.typing.NDArray[numpy.int64]: ...
    @property
    def directions(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def effective_count(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def mean(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def standard_error(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def surface_um(self) -> numpy.typing.NDArray[numpy.float64]: ...

class SurfaceView:
    @property
    def clearance_um(self) -> numpy.typing.NDArray[numpy.float32]: ...
    @property
    def cosine(self) -> numpy.typing.NDArray[numpy.float32]: ...
    @property
    def height_um(self) -> numpy.typing.NDArray[numpy.float32]: ...

class CapMeans:
    @property
    def mean(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def n_point(self) -> numpy.typing.NDArray[numpy.int64]: ...
    @property
    def weight(self) -> numpy.typing.NDArray[numpy.float64]: ...

class DistanceClasses:
    @property
    def angle(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def covariance(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def n_pair(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def neighbours(self) -> numpy.typing.NDArray[numpy.float64]: ...

class TurnedCorrelations:
    @property
    def correlation(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def farthest(self) -> float: ...

class InsertedInterfaces:
    @property
    def cells(self) -> numpy.typing.NDArray[numpy.int64]: ...
    @property
    def interface_grains(self) -> numpy.typing.NDArray[numpy.int64]: ...
    @property
    def interfaces(self) -> numpy.typing.NDArray[numpy.int64]: ...
    @property
    def source(self) -> numpy.typing.NDArray[numpy.int64]: ...
    @property
    def surface(self) -> numpy.typing.NDArray[numpy.int64]: ...

class MidsideNodes:
    @property
    def cells(self) -> numpy.typing.NDArray[numpy.int64]: ...
    @property
    def ends(self) -> numpy.typing.NDArray[numpy.int64]: ...
    @property
    def interfaces(self) -> numpy.typing.NDArray[numpy.int64]: ...
    @property
    def surface(self) -> numpy.typing.NDArray[numpy.int64]: ...

class Freedom:
    """
    Members:

      FIXED

      LINE

      WALL

      RIM

      SURFACE

      FREE
    """

    FIXED: typing.ClassVar[Freedom]
    FREE: typing.ClassVar[Freedom]
    LINE: typing.ClassVar[Freedom]
    RIM: typing.ClassVar[Freedom]
    SURFACE: typing.ClassVar[Freedom]
    WALL: typing.ClassVar[Freedom]
    __members__: typing.ClassVar[dict[str, Freedom]]
    @typing.overload
    def __eq__(self, other: Freedom) -> bool: ...
    @typing.overload
    def __eq__(self, other: typing.Any) -> bool: ...
    def __getstate__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __int__(self) -> int: ...
    @typing.overload
    def __ne__(self, other: Freedom) -> bool: ...
    @typing.overload
    def __ne__(self, other: typing.Any) -> bool: ...
    def __repr__(self) -> str: ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __str__(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class ImprovedMesh:
    @property
    def cells(self) -> numpy.typing.NDArray[numpy.int64]: ...
    @property
    def grain(self) -> numpy.typing.NDArray[numpy.int64]: ...
    @property
    def n_collapse(self) -> int: ...
    @property
    def n_flip(self) -> int: ...
    @property
    def n_merge(self) -> int: ...
    @property
    def n_move(self) -> int: ...
    @property
    def points(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def source(self) -> numpy.typing.NDArray[numpy.int64]: ...
    @property
    def worst(self) -> float: ...

class Electrode:
    current_is_given: bool
    def __init__(
        self,
        unknown: numpy.typing.NDArray[numpy.int64],
        area: numpy.typing.NDArray[numpy.float64],
        conductance: numpy.typing.NDArray[numpy.float64],
        coverage: numpy.typing.NDArray[numpy.float64],
        shift: numpy.typing.NDArray[numpy.float64],
        relief: numpy.typing.NDArray[numpy.float64],
        equilibrium: numpy.typing.NDArray[numpy.float64],
        slope: numpy.typing.NDArray[numpy.float64],
        max_concentration: typing.SupportsFloat | typing.SupportsIndex,
        prefactor: typing.SupportsFloat | typing.SupportsIndex,
        transfer_anodic: typing.SupportsFloat | typing.SupportsIndex,
        transfer_cathodic: typing.SupportsFloat | typing.SupportsIndex,
        thermal: typing.SupportsFloat | typing.SupportsIndex,
    ) -> None: ...
    @property
    def current(self) -> float: ...
    @current.setter
    def current(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None: ...
    @property
    def potential(self) -> float: ...
    @potential.setter
    def potential(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None: ...

class ElectrodeResult:
    @property
    def concentration(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def current(self) -> float: ...
    @property
    def flux(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def inflow(self) -> float: ...
    @property
    def iterations(self) -> int: ...
    @property
    def newton(self) -> int: ...
    @property
    def potential(self) -> float: ...

class SolverKind:
    """
    Members:

      automatic

      iterative

      direct
    """

    __members__: typing.ClassVar[dict[str, SolverKind]]
    automatic: typing.ClassVar[SolverKind]
    direct: typing.ClassVar[SolverKind]
    iterative: typing.ClassVar[SolverKind]
    @typing.overload
    def __eq__(self, other: SolverKind) -> bool: ...
    @typing.overload
    def __eq__(self, other: typing.Any) -> bool: ...
    def __getstate__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __int__(self) -> int: ...
    @typing.overload
    def __ne__(self, other: SolverKind) -> bool: ...
    @typing.overload
    def __ne__(self, other: typing.Any) -> bool: ...
    def __repr__(self) -> str: ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __str__(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class SolverExperience:
    def __init__(
        self,
        last_iterations: typing.SupportsFloat | typing.SupportsIndex,
        n_solution: typing.SupportsFloat | typing.SupportsIndex,
        n_unasked: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    @property
    def last_iterations(self) -> float: ...
    @property
    def n_solution(self) -> float: ...
    @property
    def n_unasked(self) -> int: ...

class StepResult:
    @property
    def concentration(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def inflow(self) -> float: ...
    @property
    def iterations(self) -> int: ...
    @property
    def reaction(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def residual(self) -> float: ...

class Transport:
    experience: SolverExperience
    def __init__(
        self,
        points: numpy.typing.NDArray[numpy.float64],
        cells: numpy.typing.NDArray[numpy.int64],
        grain: numpy.typing.NDArray[numpy.int64],
        interfaces: numpy.typing.NDArray[numpy.int64],
        surface: numpy.typing.NDArray[numpy.int64],
        diffusivity: numpy.typing.NDArray[numpy.float64],
        conductance: numpy.typing.NDArray[numpy.float64],
        along: numpy.typing.NDArray[numpy.float64],
        lumped: bool,
        solver: SolverKind,
        threads: int = 0,
    ) -> None: ...
    def assemble(
        self,
        diffusivity: numpy.typing.NDArray[numpy.float64],
        conductance: numpy.typing.NDArray[numpy.float64],
        along: numpy.typing.NDArray[numpy.float64],
        threads: int = 0,
    ) -> None: ...
    def drive_by_stress(
        self,
        concentration: numpy.typing.NDArray[numpy.float64],
        mobility: numpy.typing.NDArray[numpy.float64],
        relief: numpy.typing.NDArray[numpy.float64],
        pull: numpy.typing.NDArray[numpy.float64],
        max_concentration: typing.SupportsFloat | typing.SupportsIndex,
        threads: int = 0,
    ) -> numpy.typing.NDArray[numpy.float64]: ...
    def electrode_step(
        self,
        rate: typing.SupportsFloat | typing.SupportsIndex,
        history: numpy.typing.NDArray[numpy.float64],
        load: numpy.typing.NDArray[numpy.float64],
        exchange: numpy.typing.NDArray[numpy.float64],
        fixed: numpy.typing.NDArray[numpy.float64],
        guess: numpy.typing.NDArray[numpy.float64],
        electrode: Electrode,
        tolerance: typing.SupportsFloat | typing.SupportsIndex = 1e-10,
        max_iterations: typing.SupportsInt | typing.SupportsIndex = 5000,
        threads: int = 0,
    ) -> ElectrodeResult: ...
    def forget_system(self) -> None: ...
    def outflow(
        self, concentration: numpy.typing.NDArray[numpy.float64], threads: int = 0
    ) -> numpy.typing.NDArray[numpy.float64]: ...
    def step(
        self,
        rate: typing.SupportsFloat | typing.SupportsIndex,
        history: numpy.typing.NDArray[numpy.float64],
        load: numpy.typing.NDArray[numpy.float64],
        exchange: numpy.typing.NDArray[numpy.float64],
        fixed: numpy.typing.NDArray[numpy.float64],
        guess: numpy.typing.NDArray[numpy.float64],
        tolerance: typing.SupportsFloat | typing.SupportsIndex = 1e-10,
        max_iterations: typing.SupportsInt | typing.SupportsIndex = 5000,
        threads: int = 0,
    ) -> StepResult: ...
    def surface_unknowns(self) -> numpy.typing.NDArray[numpy.int64]: ...
    def unknown_of_node(self) -> numpy.typing.NDArray[numpy.int64]: ...
    def use(self, solver: typing.Any) -> None: ...
    @property
    def mass(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def n_entry(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def surface_area(self) -> numpy.typing.NDArray[numpy.float64]: ...

class PlaneState:
    """
    Members:

      solid

      generalised_plane_strain

      plane_strain

      plane_stress
    """

    __members__: typing.ClassVar[dict[str, PlaneState]]
    generalised_plane_strain: typing.ClassVar[PlaneState]
    plane_strain: typing.ClassVar[PlaneState]
    plane_stress: typing.ClassVar[PlaneState]
    solid: typing.ClassVar[PlaneState]
    @typing.overload
    def __eq__(self, other: PlaneState) -> bool: ...
    @typing.overload
    def __eq__(self, other: typing.Any) -> bool: ...
    def __getstate__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __int__(self) -> int: ...
    @typing.overload
    def __ne__(self, other: PlaneState) -> bool: ...
    @typing.overload
    def __ne__(self, other: typing.Any) -> bool: ...
    def __repr__(self) -> str: ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __str__(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class ElasticState:
    @property
    def nodal_stress(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def stored_energy(self) -> float: ...
    @property
    def stress(self) -> numpy.typing.NDArray[numpy.float64]: ...

class ElasticEquilibrium:
    @property
    def displacement(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def iterations(self) -> int: ...
    @property
    def residual(self) -> float: ...
    @property
    def section_strain(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def state(self) -> ElasticState: ...

class MatrixArrays:
    @property
    def blocks(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def border(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def column(self) -> numpy.typing.NDArray[numpy.int64]: ...
    @property
    def corner(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def row_start(self) -> numpy.typing.NDArray[numpy.int64]: ...

class Elasticity:
    def __init__(
        self,
        points: numpy.typing.NDArray[numpy.float64],
        cells: numpy.typing.NDArray[numpy.int64],
        grain: numpy.typing.NDArray[numpy.int64],
        interfaces: numpy.typing.NDArray[numpy.int64],
        is_tied: numpy.typing.NDArray[numpy.bool],
        stiffness: numpy.typing.NDArray[numpy.float64],
        plane: PlaneState,
        threads: int = 0,
    ) -> None: ...
    def assemble(
        self, stiffness: numpy.typing.NDArray[numpy.float64], threads: int = 0
    ) -> None: ...
    def state(
        self,
        x: numpy.typing.NDArray[numpy.float64],
        eigenstrain: numpy.typing.NDArray[numpy.float64],
        threads: int = 0,
    ) -> ElasticState: ...
    @property
    def matrix(self) -> MatrixArrays: ...
    @property
    def n_corner(self) -> int: ...
    @property
    def size(self) -> int: ...

class ElasticSolver:
    def __init__(
        self, elasticity: Elasticity, fixed: numpy.typing.NDArray[numpy.float64]
    ) -> None: ...
    def displacement(
        self, x: numpy.typing.NDArray[numpy.float64]
    ) -> numpy.typing.NDArray[numpy.float64]: ...
    def forces(
        self,
        eigenstrain: numpy.typing.NDArray[numpy.float64],
        force: numpy.typing.NDArray[numpy.float64],
        threads: int = 0,
    ) -> numpy.typing.NDArray[numpy.float64]: ...
    def prepare(self, threads: int = 0) -> None: ...
    def solve(
        self,
        forces: numpy.typing.NDArray[numpy.float64],
        tolerance: typing.SupportsFloat | typing.SupportsIndex = 1e-12,
        max_iterations: typing.SupportsInt | typing.SupportsIndex = 200,
        threads: int = 0,
    ) -> tuple[numpy.typing.NDArray[numpy.float64], int]: ...
    @property
    def held(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def rigid_modes(self) -> numpy.typing.NDArray[numpy.float64]: ...

class SofteningShape:
    """
    Members:

      bilinear

      exponential
    """

    __members__: typing.ClassVar[dict[str, SofteningShape]]
    bilinear: typing.ClassVar[SofteningShape]
    exponential: typing.ClassVar[SofteningShape]
    @typing.overload
    def __eq__(self, other: SofteningShape) -> bool: ...
    @typing.overload
    def __eq__(self, other: typing.Any) -> bool: ...
    def __getstate__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __int__(self) -> int: ...
    @typing.overload
    def __ne__(self, other: SofteningShape) -> bool: ...
    @typing.overload
    def __ne__(self, other: typing.Any) -> bool: ...
    def __repr__(self) -> str: ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __str__(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class MixedMode:
    """
    Members:

      benzeggagh_kenane

      power_law
    """

    __members__: typing.ClassVar[dict[str, MixedMode]]
    benzeggagh_kenane: typing.ClassVar[MixedMode]
    power_law: typing.ClassVar[MixedMode]
    @typing.overload
    def __eq__(self, other: MixedMode) -> bool: ...
    @typing.overload
    def __eq__(self, other: typing.Any) -> bool: ...
    def __getstate__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __int__(self) -> int: ...
    @typing.overload
    def __ne__(self, other: MixedMode) -> bool: ...
    @typing.overload
    def __ne__(self, other: typing.Any) -> bool: ...
    def __repr__(self) -> str: ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __str__(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class OnsetCriterion:
    """
    Members:

      quadratic

      energy
    """

    __members__: typing.ClassVar[dict[str, OnsetCriterion]]
    energy: typing.ClassVar[OnsetCriterion]
    quadratic: typing.ClassVar[OnsetCriterion]
    @typing.overload
    def __eq__(self, other: OnsetCriterion) -> bool: ...
    @typing.overload
    def __eq__(self, other: typing.Any) -> bool: ...
    def __getstate__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __int__(self) -> int: ...
    @typing.overload
    def __ne__(self, other: OnsetCriterion) -> bool: ...
    @typing.overload
    def __ne__(self, other: typing.Any) -> bool: ...
    def __repr__(self) -> str: ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __str__(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class CohesiveMode:
    @property
    def final_opening(self) -> float: ...
    @property
    def fracture_energy(self) -> float: ...
    @property
    def onset(self) -> float: ...

class CohesiveLaw:
    def __init__(
        self,
        stiffness: typing.SupportsFloat | typing.SupportsIndex,
        strength: typing.SupportsFloat | typing.SupportsIndex,
        fracture_energy: typing.SupportsFloat | typing.SupportsIndex,
        shear_strength: typing.SupportsFloat | typing.SupportsIndex,
        shear_fracture_energy: typing.SupportsFloat | typing.SupportsIndex,
        exponent: typing.SupportsFloat | typing.SupportsIndex,
        shape: SofteningShape,
        mixed_mode: MixedMode,
        onset_criterion: OnsetCriterion,
        viscosity: typing.SupportsFloat | typing.SupportsIndex,
        fatigue_cycles: typing.SupportsFloat | typing.SupportsIndex,
        endurance: typing.SupportsFloat | typing.SupportsIndex,
    ) -> None: ...

class TractionSeparation:
    @property
    def damage(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def traction(self) -> numpy.typing.NDArray[numpy.float64]: ...

class FacetQuadrature:
    """
    Members:

      nodal

      gauss
    """

    __members__: typing.ClassVar[dict[str, FacetQuadrature]]
    gauss: typing.ClassVar[FacetQuadrature]
    nodal: typing.ClassVar[FacetQuadrature]
    @typing.overload
    def __eq__(self, other: FacetQuadrature) -> bool: ...
    @typing.overload
    def __eq__(self, other: typing.Any) -> bool: ...
    def __getstate__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __int__(self) -> int: ...
    @typing.overload
    def __ne__(self, other: FacetQuadrature) -> bool: ...
    @typing.overload
    def __ne__(self, other: typing.Any) -> bool: ...
    def __repr__(self) -> str: ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __str__(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class TangentKind:
    """
    Members:

      none

      secant

      consistent
    """

    __members__: typing.ClassVar[dict[str, TangentKind]]
    consistent: typing.ClassVar[TangentKind]
    none: typing.ClassVar[TangentKind]
    secant: typing.ClassVar[TangentKind]
    @typing.overload
    def __eq__(self, other: TangentKind) -> bool: ...
    @typing.overload
    def __eq__(self, other: typing.Any) -> bool: ...
    def __getstate__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __int__(self) -> int: ...
    @typing.overload
    def __ne__(self, other: TangentKind) -> bool: ...
    @typing.overload
    def __ne__(self, other: typing.Any) -> bool: ...
    def __repr__(self) -> str: ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __str__(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class CohesiveState:
    pass

class WallEnergies:
    @property
    def dissipated(self) -> float: ...
    @property
    def dissipated_step(self) -> float: ...
    @property
    def stored(self) -> float: ...
    @property
    def viscous(self) -> float: ...
    @property
    def viscous_step(self) -> float: ...

class WallResponse:
    @property
    def damage(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def energies(self) -> WallEnergies: ...
    @property
    def force(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def is_loading(self) -> numpy.typing.NDArray[numpy.bool]: ...
    @property
    def matrices(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def opening(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def sliding(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def state(self) -> CohesiveState: ...
    @property
    def traction(self) -> numpy.typing.NDArray[numpy.float64]: ...

class CohesiveWalls:
    def __init__(
        self,
        positions: numpy.typing.NDArray[numpy.float64],
        walls: numpy.typing.NDArray[numpy.int64],
        laws: collections.abc.Sequence[CohesiveLaw],
        law_of_wall: numpy.typing.NDArray[numpy.int64],
        quadrature: FacetQuadrature,
    ) -> None: ...
    def evaluate(
        self,
        displacement: numpy.typing.NDArray[numpy.float64],
        state: CohesiveState,
        tangent: TangentKind,
        time_step: typing.SupportsFloat | typing.SupportsIndex = 0.0,
        residual_integrity: typing.SupportsFloat | typing.SupportsIndex = 0.0,
        frozen_branch: numpy.typing.NDArray[numpy.int8] | None = None,
        threads: int = 0,
    ) -> WallResponse: ...
    def fatigued(
        self,
        from_: WallResponse,
        to: WallResponse,
        residual_integrity: typing.SupportsFloat | typing.SupportsIndex = 0.0,
    ) -> CohesiveState: ...
    def initial_state(self) -> CohesiveState: ...
    def state_of(self, values: numpy.typing.NDArray[numpy.float64]) -> CohesiveState: ...
    def values_of(self, state: CohesiveState) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def area(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def n_point(self) -> int: ...
    @property
    def n_wall(self) -> int: ...
    @property
    def rotation(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def weight(self) -> numpy.typing.NDArray[numpy.float64]: ...

class FractureLoad:
    pass

class FracturePoint:
    def with_walls(self, walls: CohesiveState) -> FracturePoint: ...
    @property
    def x(self) -> numpy.typing.NDArray[numpy.float64]: ...

class FractureReport:
    @property
    def converged(self) -> bool: ...
    @property
    def factorisations(self) -> int: ...
    @property
    def linear(self) -> int: ...
    @property
    def newton(self) -> int: ...
    @property
    def reference(self) -> float: ...
    @property
    def residual(self) -> float: ...
    @property
    def secant(self) -> int: ...
    @property
    def was_unstable(self) -> bool: ...

class FractureEnergies:
    @property
    def dissipated_step(self) -> float: ...
    @property
    def elastic(self) -> float: ...
    @property
    def stored_step(self) -> float: ...
    @property
    def supplied_step(self) -> float: ...
    @property
    def viscous_step(self) -> float: ...
    @property
    def walls(self) -> float: ...

class FractureStep:
    @property
    def energies(self) -> FractureEnergies: ...
    @property
    def point(self) -> FracturePoint: ...
    @property
    def report(self) -> FractureReport: ...
    @property
    def walls(self) -> WallResponse: ...

class FollowedStep:
    @property
    def load(self) -> FractureLoad: ...
    @property
    def step(self) -> FractureStep: ...
    @property
    def t(self) -> float: ...

class Fracture:
    def __init__(
        self,
        elasticity: Elasticity,
        laws: collections.abc.Sequence[CohesiveLaw],
        law_of_facet: numpy.typing.NDArray[numpy.int64],
        quadrature: FacetQuadrature,
        fixed: numpy.typing.NDArray[numpy.float64],
    ) -> None: ...
    def displacement(self, point: FracturePoint) -> numpy.typing.NDArray[numpy.float64]: ...
    def equilibrate(
        self,
        before: FractureLoad,
        after: FractureLoad,
        point: FracturePoint,
        guess: numpy.typing.NDArray[numpy.float64] | None = None,
        tolerance: typing.SupportsFloat | typing.SupportsIndex = 1e-06,
        max_iterations: typing.SupportsInt | typing.SupportsIndex = 100,
        residual_integrity: typing.SupportsFloat | typing.SupportsIndex = 1e-07,
        time_step: typing.SupportsFloat | typing.SupportsIndex = 0.0,
        stops_if_unstable: bool = False,
        threads: int = 0,
    ) -> FractureStep: ...
    def follow(
        self,
        before: FractureLoad,
        load_at: collections.abc.Callable[[float], FractureLoad],
        point: FracturePoint,
        guess: numpy.typing.NDArray[numpy.float64],
        t: typing.SupportsFloat | typing.SupportsIndex,
        dissipation: typing.SupportsFloat | typing.SupportsIndex,
        tolerance: typing.SupportsFloat | typing.SupportsIndex = 1e-06,
        max_iterations: typing.SupportsInt | typing.SupportsIndex = 25,
        residual_integrity: typing.SupportsFloat | typing.SupportsIndex = 1e-07,
        threads: int = 0,
    ) -> FollowedStep: ...
    def forget(self) -> None: ...
    def initial_point(self) -> FracturePoint: ...
    def load(
        self,
        eigenstrain: numpy.typing.NDArray[numpy.float64],
        fixed: numpy.typing.NDArray[numpy.float64],
        force: numpy.typing.NDArray[numpy.float64],
        threads: int = 0,
    ) -> FractureLoad: ...
    def point_at(
        self,
        displacement: numpy.typing.NDArray[numpy.float64],
        section_strain: numpy.typing.NDArray[numpy.float64],
        walls: numpy.typing.NDArray[numpy.float64],
    ) -> FracturePoint: ...
    def section_strain(self, point: FracturePoint) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def can_follow(self) -> bool: ...
    @property
    def walls(self) -> CohesiveWalls: ...

class LabelLattice:
    @property
    def cells(self) -> numpy.typing.NDArray[numpy.int64]: ...
    @property
    def label(self) -> numpy.typing.NDArray[numpy.int64]: ...
    @property
    def points(self) -> numpy.typing.NDArray[numpy.float64]: ...

class ProjectedMesh:
    @property
    def distance(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def points(self) -> numpy.typing.NDArray[numpy.float64]: ...

def active_instruction_set() -> str: ...
def cap_means(
    points: numpy.typing.NDArray[numpy.float64],
    values: numpy.typing.NDArray[numpy.float64],
    weights: numpy.typing.NDArray[numpy.float64],
    directions: numpy.typing.NDArray[numpy.float64],
    cos_half_angle: numpy.typing.NDArray[numpy.float64],
    threads: int = 0,
) -> CapMeans: ...
def chord_lengths(
    mask: numpy.typing.NDArray[numpy.bool],
    spacing: numpy.typing.NDArray[numpy.float64],
    origins: numpy.typing.NDArray[numpy.float64],
    direction: numpy.typing.NDArray[numpy.float64],
    threads: int = 0,
) -> numpy.typing.NDArray[numpy.float64]: ...
def cohesive_mode(
    law: CohesiveLaw, sliding_share: typing.SupportsFloat | typing.SupportsIndex
) -> CohesiveMode: ...
def cone_porosity(
    envelope: numpy.typing.NDArray[numpy.bool],
    solid: numpy.typing.NDArray[numpy.bool],
    spacing: numpy.typing.NDArray[numpy.float64],
    apex: numpy.typing.NDArray[numpy.float64],
    directions: numpy.typing.NDArray[numpy.float64],
    cos_half_angle: numpy.typing.NDArray[numpy.float64],
    nearest: typing.SupportsFloat | typing.SupportsIndex = 0.0,
    farthest: typing.SupportsFloat | typing.SupportsIndex = ...,
    solid_angle: bool = False,
    solid_fraction: numpy.typing.NDArray[numpy.float32] | None = None,
    threads: int = 0,
) -> ConeCounts: ...
def distance_classes(
    directions: numpy.typing.NDArray[numpy.float64],
    values: numpy.typing.NDArray[numpy.float64],
    n_class: typing.SupportsInt | typing.SupportsIndex,
    threads: int = 0,
) -> DistanceClasses: ...
def distance_transform(
    mask: numpy.typing.NDArray[numpy.bool],
    spacing: numpy.typing.NDArray[numpy.float64],
    threads: int = 0,
) -> numpy.typing.NDArray[numpy.float64]: ...
def edge_thresholds(
    jump: numpy.typing.NDArray[numpy.float32],
    residual: numpy.typing.NDArray[numpy.float32],
    noise: numpy.typing.NDArray[numpy.float32],
    status: numpy.typing.NDArray[numpy.uint16],
    noise_given: bool,
) -> EdgeThresholds: ...
def elastic_equilibrium(
    elasticity: Elasticity,
    eigenstrain: numpy.typing.NDArray[numpy.float64],
    fixed: numpy.typing.NDArray[numpy.float64],
    force: numpy.typing.NDArray[numpy.float64],
    tolerance: typing.SupportsFloat | typing.SupportsIndex = 1e-12,
    max_iterations: typing.SupportsInt | typing.SupportsIndex = 200,
    threads: int = 0,
) -> ElasticEquilibrium: ...
def electrode_potential(
    electrode: Electrode, concentration: numpy.typing.NDArray[numpy.float64]
) -> ElectrodeResult: ...
def first_hits(
    mask: numpy.typing.NDArray[numpy.bool],
    spacing: numpy.typing.NDArray[numpy.float64],
    origins: numpy.typing.NDArray[numpy.float64],
    direction: numpy.typing.NDArray[numpy.float64],
    threads: int = 0,
) -> FirstHits: ...
@typing.overload
def fit_edges(
    energy_ev: numpy.typing.NDArray[numpy.float64],
    mu: numpy.typing.NDArray[numpy.float32],
    variance: numpy.typing.NDArray[numpy.float32],
    voxel_major: bool,
    volume: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
    model: EdgeModel,
    estimator: EstimatorModel,
    threads: int,
) -> EdgeMap: ...
@typing.overload
def fit_edges(
    energy_ev: numpy.typing.NDArray[numpy.float64],
    mu: numpy.typing.NDArray[numpy.float64],
    variance: numpy.typing.NDArray[numpy.float64],
    voxel_major: bool,
    volume: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
    model: EdgeModel,
    estimator: EstimatorModel,
    threads: int,
) -> EdgeMap: ...
@typing.overload
def fit_references(
    energy_ev: numpy.typing.NDArray[numpy.float64],
    mu: numpy.typing.NDArray[numpy.float32],
    variance: numpy.typing.NDArray[numpy.float32],
    voxel_major: bool,
    model: ReferenceModel,
    threads: int,
) -> ReferenceMap: ...
@typing.overload
def fit_references(
    energy_ev: numpy.typing.NDArray[numpy.float64],
    mu: numpy.typing.NDArray[numpy.float64],
    variance: numpy.typing.NDArray[numpy.float64],
    voxel_major: bool,
    model: ReferenceModel,
    threads: int,
) -> ReferenceMap: ...
def improve_mesh(
    points: numpy.typing.NDArray[numpy.float64],
    cells: numpy.typing.NDArray[numpy.int64],
    grain: numpy.typing.NDArray[numpy.int64],
    freedom: numpy.typing.NDArray[numpy.uint8],
    direction: numpy.typing.NDArray[numpy.float64],
    spacing: numpy.typing.NDArray[numpy.float64],
    radius: typing.SupportsFloat | typing.SupportsIndex,
    target: typing.SupportsFloat | typing.SupportsIndex,
    n_pass: typing.SupportsInt | typing.SupportsIndex,
    floor: typing.SupportsFloat | typing.SupportsIndex,
    collapse_length: typing.SupportsFloat | typing.SupportsIndex,
) -> ImprovedMesh: ...
def insert_interfaces(
    cells: numpy.typing.NDArray[numpy.int64],
    grain: numpy.typing.NDArray[numpy.int64],
    n_node: typing.SupportsInt | typing.SupportsIndex,
    walls: numpy.typing.NDArray[numpy.int64] | None = None,
) -> InsertedInterfaces: ...
def judge_edges(
    edge_energy_ev: numpy.typing.NDArray[numpy.float64],
    edge_energy_std_ev: numpy.typing.NDArray[numpy.float32],
    white_line_ev: numpy.typing.NDArray[numpy.float64],
    white_line_std_ev: numpy.typing.NDArray[numpy.float32],
    white_line_height: numpy.typing.NDArray[numpy.float32],
    edge_jump: numpy.typing.NDArray[numpy.float32],
    noise: numpy.typing.NDArray[numpy.float32],
    status: numpy.typing.NDArray[numpy.uint16],
    residual: numpy.typing.NDArray[numpy.float32],
    noise_given: bool,
    thresholds: EdgeThresholds,
    volume: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
    threads: int,
) -> EdgeMap: ...
def label_lattice(
    labels: numpy.typing.NDArray[numpy.int32],
    spacing: numpy.typing.NDArray[numpy.float64],
    edge: typing.SupportsFloat | typing.SupportsIndex,
    smoothing: typing.SupportsFloat | typing.SupportsIndex,
    threads: int = 0,
) -> LabelLattice: ...
@typing.overload
def line_profiles(
    values: numpy.typing.NDArray[numpy.float32],
    envelope: numpy.typing.NDArray[numpy.bool],
    spacing: numpy.typing.NDArray[numpy.float64],
    centre: numpy.typing.NDArray[numpy.float64],
    directions: numpy.typing.NDArray[numpy.float64],
    radius: typing.SupportsFloat | typing.SupportsIndex,
    step: typing.SupportsFloat | typing.SupportsIndex,
    correlation: numpy.typing.NDArray[numpy.float64],
    variance: typing.SupportsFloat | typing.SupportsIndex,
    threads: int = 0,
) -> LineMeans: ...
@typing.overload
def line_profiles(
    values: numpy.typing.NDArray[numpy.float64],
    envelope: numpy.typing.NDArray[numpy.bool],
    spacing: numpy.typing.NDArray[numpy.float64],
    centre: numpy.typing.NDArray[numpy.float64],
    directions: numpy.typing.NDArray[numpy.float64],
    radius: typing.SupportsFloat | typing.SupportsIndex,
    step: typing.SupportsFloat | typing.SupportsIndex,
    correlation: numpy.typing.NDArray[numpy.float64],
    variance: typing.SupportsFloat | typing.SupportsIndex,
    threads: int = 0,
) -> LineMeans: ...
@typing.overload
def measure_edges(
    energy_ev: numpy.typing.NDArray[numpy.float64],
    mu: numpy.typing.NDArray[numpy.float32],
    variance: numpy.typing.NDArray[numpy.float32],
    voxel_major: bool,
    model: EdgeModel,
    estimator: EstimatorModel,
    threads: int,
) -> MeasuredEdges: ...
@typing.overload
def measure_edges(
    energy_ev: numpy.typing.NDArray[numpy.float64],
    mu: numpy.typing.NDArray[numpy.float64],
    variance: numpy.typing.NDArray[numpy.float64],
    voxel_major: bool,
    model: EdgeModel,
    estimator: EstimatorModel,
    threads: int,
) -> MeasuredEdges: ...
def midside_nodes(
    cells: numpy.typing.NDArray[numpy.int64],
    n_node: typing.SupportsInt | typing.SupportsIndex,
    interfaces: numpy.typing.NDArray[numpy.int64],
    surface: numpy.typing.NDArray[numpy.int64],
) -> MidsideNodes: ...
def normalise(
    energy_ev: numpy.typing.NDArray[numpy.float64],
    mu: numpy.typing.NDArray[numpy.float64],
    model: EdgeModel,
    edge_ev: typing.SupportsFloat | typing.SupportsIndex,
    threads: int,
) -> Normalised: ...
def project_labels(
    points: numpy.typing.NDArray[numpy.float64],
    cells: numpy.typing.NDArray[numpy.int64],
    label: numpy.typing.NDArray[numpy.int64],
    labels: numpy.typing.NDArray[numpy.int32],
    spacing: numpy.typing.NDArray[numpy.float64],
    edge: typing.SupportsFloat | typing.SupportsIndex,
    smoothing: typing.SupportsFloat | typing.SupportsIndex,
    floor: typing.SupportsFloat | typing.SupportsIndex,
    target: typing.SupportsFloat | typing.SupportsIndex,
    n_sweep: typing.SupportsInt | typing.SupportsIndex,
    n_settle: typing.SupportsInt | typing.SupportsIndex,
    threads: int = 0,
) -> ProjectedMesh: ...
def ray_envelope(
    solid: numpy.typing.NDArray[numpy.bool],
    min_rays: typing.SupportsInt | typing.SupportsIndex,
    threads: int = 0,
) -> numpy.typing.NDArray[numpy.bool]: ...
def register_images(
    fixed: numpy.typing.NDArray[numpy.float64],
    moving: numpy.typing.NDArray[numpy.float64],
    options: RegistrationOptions,
) -> Registration: ...
def resample(
    image: numpy.typing.NDArray[numpy.float64],
    variance: numpy.typing.NDArray[numpy.float64],
    warp: Warp,
) -> Resampled: ...
def rotation_null(
    field: numpy.typing.NDArray[numpy.float64],
    directions: numpy.typing.NDArray[numpy.float64],
    patch: numpy.typing.NDArray[numpy.float64],
    values: numpy.typing.NDArray[numpy.float64],
    weights: numpy.typing.NDArray[numpy.float64],
    covariates: numpy.typing.NDArray[numpy.float64],
    rotations: numpy.typing.NDArray[numpy.float64],
    threads: int = 0,
) -> TurnedCorrelations: ...
def supported_instruction_set() -> str: ...
def surface_view(
    distance: numpy.typing.NDArray[numpy.float32],
    spacing: numpy.typing.NDArray[numpy.float64],
    corner: numpy.typing.NDArray[numpy.float64],
    first: numpy.typing.NDArray[numpy.float64],
    row: numpy.typing.NDArray[numpy.float64],
    column: numpy.typing.NDArray[numpy.float64],
    view: numpy.typing.NDArray[numpy.float64],
    shape: typing.Annotated[
        collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"
    ],
    rim_um: typing.SupportsFloat | typing.SupportsIndex,
    threads: int = 0,
) -> SurfaceView: ...
def threshold_stride(n_voxel: typing.SupportsInt | typing.SupportsIndex) -> int: ...
def traction_separation(
    law: CohesiveLaw,
    opening: numpy.typing.NDArray[numpy.float64],
    sliding: numpy.typing.NDArray[numpy.float64],
    largest: numpy.typing.NDArray[numpy.float64],
) -> TractionSeparation: ...

__version__: str = "0.1.0"
