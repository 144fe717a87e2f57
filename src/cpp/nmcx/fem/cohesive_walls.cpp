#include "nmcx/fem/cohesive_walls.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <string>
#include <utility>

#include "nmcx/core/error.hpp"

namespace nmcx {
namespace {

constexpr std::size_t facets_of_chunk = 256;
constexpr std::size_t nodes_of_chunk = 4096;
constexpr std::size_t history_values = 5;

template <std::size_t d>
Vector<d> separation_at(const WallResponse& response, std::size_t point) {
  Vector<d> separation{response.opening[point]};
  std::copy_n(response.sliding.data() + (point * (d - 1)), d - 1, separation.begin() + 1);
  return separation;
}

template <std::size_t d>
Vector<d> position(const ArrayView<double, 2>& positions, std::size_t node) {
  Vector<d> x{};
  for (std::size_t k = 0; k < d; ++k) x[k] = positions(node, k);
  return x;
}

[[noreturn]] void refuse(std::size_t facet, const char* what) {
  throw InvalidArgument("wall facet " + std::to_string(facet) + " " + what);
}

std::size_t side_nodes(const ArrayView<std::int64_t, 2>& walls) {
  require(walls.shape[1] % 2 == 0, "walls must have the nodes of two sides in each row");
  return walls.shape[1] / 2;
}

/// Local components in the axes of the mesh.
template <std::size_t d>
Vector<d> turned_back(const Tensor<d>& rotation, const Vector<d>& local) {
  Vector<d> result{};
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t k = 0; k < d; ++k) result[k] += rotation[(i * d) + k] * local[i];
  }
  return result;
}

/// Rᵀ T R.
template <std::size_t d>
Tensor<d> turned_back(const Tensor<d>& rotation, const Tensor<d>& local) {
  Tensor<d> half{};
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t k = 0; k < d; ++k) {
      for (std::size_t j = 0; j < d; ++j) {
        half[(i * d) + j] += local[(i * d) + k] * rotation[(k * d) + j];
      }
    }
  }
  Tensor<d> result{};
  for (std::size_t k = 0; k < d; ++k) {
    for (std::size_t i = 0; i < d; ++i) {
      for (std::size_t j = 0; j < d; ++j) {
        result[(i * d) + j] += rotation[(k * d) + i] * half[(k * d) + j];
      }
    }
  }
  return result;
}

/// Adds area N_i N_j T for all pairs of nodes of one side.
template <std::size_t d>
void add_stiffness(std::span<const double> shape, double area, const Tensor<d>& tangent,
                   double* matrix) {
  const std::size_t m = shape.size();
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < m; ++j) {
      const double weight = area * shape[i] * shape[j];
      if (weight == 0) continue;
      for (std::size_t a = 0; a < d; ++a) {
        double* row = matrix + ((((i * d) + a) * m) + j) * d;
        for (std::size_t b = 0; b < d; ++b) row[b] += weight * tangent[(a * d) + b];
      }
    }
  }
}

void check_options(const WallOptions& options, std::size_t n_wall, std::size_t n_point) {
  require(std::isfinite(options.time_step) && options.time_step >= 0,
          "time_step must be 0 s or more, and finite");
  require(options.residual_integrity >= 0 && options.residual_integrity <= 1,
          "residual_integrity must lie between 0 and 1");
  require(options.frozen_branch.data == nullptr || (options.frozen_branch.shape[0] == n_wall &&
                                                    options.frozen_branch.shape[1] == n_point),
          "frozen_branch must have one value per wall facet and quadrature point");
}

}  // namespace

CohesiveWalls::CohesiveWalls(const ArrayView<double, 2>& positions,
                             const ArrayView<std::int64_t, 2>& walls, std::vector<CohesiveLaw> laws,
                             const ArrayView<std::int64_t, 1>& law_of_wall,
                             FacetQuadrature quadrature)
    : dimension_(positions.shape[1]), laws_(std::move(laws)) {
  require(dimension_ == 2 || dimension_ == 3, "positions must have two or three coordinates");
  rule_ = facet_rule(dimension_, side_nodes(walls), quadrature);
  for (const CohesiveLaw& law : laws_) check(law);
  const std::size_t n_wall = walls.shape[0];
  require(law_of_wall.shape[0] == n_wall, "law_of_wall must have one value per wall facet");
  for (const std::int64_t law : law_of_wall) {
    require(law >= 0 && std::cmp_less(law, laws_.size()),
            "law_of_wall names a law that is not given");
    law_of_wall_.push_back(static_cast<std::size_t>(law));
  }
  for (const std::int64_t node : walls) {
    require(node >= 0 && std::cmp_less(node, positions.shape[0]),
            "walls names a node that has no position");
    nodes_.push_back(static_cast<std::size_t>(node));
  }
  area_ = Array<double, 1>({n_wall});
  rotation_ = Array<double, 3>({n_wall, dimension_, dimension_});
  if (dimension_ == 2) {
    take_facets<2>(positions);
  } else {
    take_facets<3>(positions);
  }
  take_contributions(positions.shape[0]);
}

template <std::size_t d>
void CohesiveWalls::take_facets(const ArrayView<double, 2>& positions) {
  const std::size_t m = rule_.n_node;
  for (std::size_t f = 0; f < n_wall(); ++f) {
    const std::size_t* node = nodes_.data() + (f * 2 * m);
    std::array<Vector<d>, d> corner{};
    for (std::size_t i = 0; i < d; ++i) corner[i] = position<d>(positions, node[i]);
    const FacetFrame<d> frame = facet_frame(corner);
    if (!(frame.area > 0) || !std::isfinite(frame.area)) refuse(f, "has no area: leave it out");
    area_[f] = frame.area;
    std::ranges::copy(frame.rotation, rotation_.data() + (f * d * d));

    double size = 0;
    for (std::size_t k = 0; k < d; ++k)
      size = std::max(size, std::abs(corner[1][k] - corner[0][k]));
    bool any_apart = false;
    for (std::size_t i = 0; i < m; ++i) {
      any_apart = any_apart || node[i] != node[m + i];
      for (std::size_t k = 0; k < d; ++k) {
        const double gap = positions(node[i], k) - positions(node[m + i], k);
        if (!(std::abs(gap) <= 1e-6 * size)) {
          refuse(f, "must have both sides in one place, node by node");
        }
      }
    }
    for (std::size_t i = d; i < m; ++i) {
      const std::size_t from = node[i - d];
      const std::size_t to = node[(i - d + 1) % d];
      for (std::size_t k = 0; k < d; ++k) {
        const double middle = 0.5 * (positions(from, k) + positions(to, k));
        if (!(std::abs(positions(node[i], k) - middle) <= 1e-6 * size)) {
          refuse(f, "must be flat, its midside nodes amid the edges 01 (, 12, 20)");
        }
      }
    }
    if (!any_apart) refuse(f, "has the same nodes on both sides: nothing can come apart there");
  }
}

void CohesiveWalls::take_contributions(std::size_t n_node) {
  contributions_.start.assign(n_node + 1, 0);
  for (const std::size_t node : nodes_) ++contributions_.start[node + 1];
  for (std::size_t i = 0; i < n_node; ++i) contributions_.start[i + 1] += contributions_.start[i];
  contributions_.entry.resize(nodes_.size());
  std::vector<std::size_t> next(contributions_.start.begin(), contributions_.start.end() - 1);
  for (std::size_t i = 0; i < nodes_.size(); ++i) contributions_.entry[next[nodes_[i]]++] = i;
}

CohesiveState CohesiveWalls::initial_state() const {
  return {.points = std::vector<CohesiveHistory>(n_wall() * n_point())};
}

Array<double, 3> CohesiveWalls::values_of(const CohesiveState& state) const {
  require(state.points.size() == n_wall() * n_point(), "state must be one of these walls");
  Array<double, 3> values({n_wall(), n_point(), history_values});
  std::size_t next = 0;
  for (const CohesiveHistory& point : state.points) {
    for (const double value :
         {point.damage, point.viscous_damage, point.dissipated, point.viscous_work, point.excess}) {
      values[next++] = value;
    }
  }
  return values;
}

CohesiveState CohesiveWalls::state_of(const ArrayView<double, 3>& values) const {
  require(values.shape[0] == n_wall() && values.shape[1] == n_point() &&
              values.shape[2] == history_values,
          "state must have 5 values per wall facet and quadrature point");
  CohesiveState state = initial_state();
  const double* next = values.data;
  for (CohesiveHistory& point : state.points) {
    point = {.damage = next[0],
             .viscous_damage = next[1],
             .dissipated = next[2],
             .viscous_work = next[3],
             .excess = next[4]};
    next += history_values;
    require(point.viscous_damage >= 0 && point.viscous_damage <= point.damage &&
                point.damage <= 1 && point.dissipated >= 0 && std::isfinite(point.dissipated) &&
                std::isfinite(point.viscous_work) && std::isfinite(point.excess),
            "state must hold damage between 0 and 1 and finite energies");
  }
  return state;
}

CohesiveState CohesiveWalls::fatigued(const WallResponse& from, const WallResponse& to,
                                      double residual_integrity) const {
  const std::size_t n = n_wall() * n_point();
  require(from.state.points.size() == n && to.state.points.size() == n,
          "from and to must be responses of these walls");
  const double most = 1 - residual_integrity;
  CohesiveState state = to.state;
  for (std::size_t i = 0; i < n; ++i) {
    const CohesiveLaw& law = laws_[law_of_wall_[i / n_point()]];
    const double before = from.state.points[i].damage;
    const auto tire = [&]<std::size_t d>() {
      return nmcx::fatigued<d>(law, separation_at<d>(from, i), separation_at<d>(to, i), before,
                               to.state.points[i], most);
    };
    state.points[i] = dimension_ == 2 ? tire.operator()<2>() : tire.operator()<3>();
  }
  return state;
}

WallResponse CohesiveWalls::evaluate(const ArrayView<double, 1>& displacement,
                                     const CohesiveState& state, const WallOptions& options,
                                     const Execution& execution) const {
  const std::size_t d = dimension_;
  const std::size_t n_node = contributions_.start.size() - 1;
  require(displacement.shape[0] == n_node * d, "displacement must have d values per node");
  require(state.points.size() == n_wall() * n_point(), "state must be one of these walls");
  check_options(options, n_wall(), n_point());

  const std::size_t k = n_wall();
  const std::size_t q = n_point();
  const std::size_t side = rule_.n_node * d;
  WallResponse response{
      .force = Array<double, 1>({n_node * d}),
      .matrices = Array<double, 3>({options.tangent == TangentKind::none ? 0 : k, side, side}),
      .opening = Array<double, 2>({k, q}),
      .sliding = Array<double, 3>({k, q, d - 1}),
      .traction = Array<double, 3>({k, q, d}),
      .damage = Array<double, 2>({k, q}),
      .is_loading = Array<bool, 2>({k, q}),
      .state = {.points = std::vector<CohesiveHistory>(k * q)},
      .energies = {}};
  std::vector<double> side_force(k * side);  // on the second side; the first has its opposite
  std::vector<WallEnergies> partial((k / facets_of_chunk) + 1);
  parallel_for(k, facets_of_chunk, execution,
               [&](std::size_t begin, std::size_t end, std::size_t chunk) {
                 for (std::size_t f = begin; f < end; ++f) {
                   double* force = side_force.data() + (f * side);
                   WallEnergies& sum = partial[chunk];
                   if (d == 2) {
                     add_facet<2>(f, displacement, state, options, response, force, sum);
                   } else {
                     add_facet<3>(f, displacement, state, options, response, force, sum);
                   }
                 }
               });
  for (const WallEnergies& each : partial) {
    response.energies.stored += each.stored;
    response.energies.dissipated += each.dissipated;
    response.energies.viscous += each.viscous;
    response.energies.dissipated_step += each.dissipated_step;
    response.energies.viscous_step += each.viscous_step;
  }
  gather(side_force, response.force, execution);
  return response;
}

/// Every node adds up its facets in their order, whichever thread does it.
void CohesiveWalls::gather(std::span<const double> side_force, Array<double, 1>& force,
                           const Execution& execution) const {
  const std::size_t d = dimension_;
  const std::size_t m = rule_.n_node;
  parallel_for(contributions_.start.size() - 1, nodes_of_chunk, execution,
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 for (std::size_t node = begin; node < end; ++node) {
                   double* sum = force.data() + (node * d);
                   std::fill_n(sum, d, 0.0);
                   const std::size_t last = contributions_.start[node + 1];
                   for (std::size_t e = contributions_.start[node]; e < last; ++e) {
                     const std::size_t facet = contributions_.entry[e] / (2 * m);
                     const std::size_t place = contributions_.entry[e] % (2 * m);
                     const double* from = side_force.data() + (((facet * m) + (place % m)) * d);
                     for (std::size_t c = 0; c < d; ++c) {
                       sum[c] += place < m ? -from[c] : from[c];
                     }
                   }
                 }
               });
}

template <std::size_t d>
void CohesiveWalls::add_facet(std::size_t facet, const ArrayView<double, 1>& displacement,
                              const CohesiveState& state, const WallOptions& options,
                              WallResponse& response, double* side_force, WallEnergies& sum) const {
  constexpr std::size_t most_nodes = 3 * (d - 1);
  const std::size_t m = rule_.n_node;
  const std::size_t* node = nodes_.data() + (facet * 2 * m);
  Tensor<d> rotation{};
  std::copy_n(rotation_.data() + (facet * d * d), d * d, rotation.begin());
  std::array<Vector<d>, most_nodes> jump{};  // in local axes
  for (std::size_t i = 0; i < m; ++i) {
    Vector<d> apart{};
    for (std::size_t c = 0; c < d; ++c) {
      apart[c] = displacement[(node[m + i] * d) + c] - displacement[(node[i] * d) + c];
      require(std::isfinite(apart[c]), "displacement must be finite at the nodes of walls");
    }
    jump[i] = product<d>(rotation, apart);
  }
  double* matrix = options.tangent == TangentKind::none
                       ? nullptr
                       : response.matrices.data() + (facet * m * d * m * d);
  if (matrix != nullptr) std::fill_n(matrix, m * d * m * d, 0.0);

  for (std::size_t p = 0; p < n_point(); ++p) {
    const std::span<const double> shape = rule_.at(p);
    const double area = rule_.weight[p] * area_[facet];
    const std::size_t at = (facet * n_point()) + p;
    Vector<d> separation{};
    for (std::size_t i = 0; i < m; ++i) {
      for (std::size_t c = 0; c < d; ++c) separation[c] += shape[i] * jump[i][c];
    }
    const CohesiveHistory& before = state.points[at];
    const CohesivePoint<d> point =
        cohesive_response<d>(laws_[law_of_wall_[facet]], separation, before,
                             {.tangent = options.tangent,
                              .branch = options.frozen_branch.data == nullptr
                                            ? LoadingBranch::automatic
                                            : static_cast<LoadingBranch>(options.frozen_branch[at]),
                              .time_step = options.time_step,
                              .residual_integrity = options.residual_integrity});

    response.opening[at] = separation[0];
    std::copy_n(separation.begin() + 1, d - 1, response.sliding.data() + (at * (d - 1)));
    std::copy_n(point.traction.begin(), d, response.traction.data() + (at * d));
    response.damage[at] = point.history.viscous_damage;
    response.is_loading[at] = point.is_loading;
    response.state.points[at] = point.history;
    sum.stored += area * point.stored;
    sum.dissipated += area * point.history.dissipated;
    sum.viscous += area * point.history.viscous_work;
    sum.dissipated_step += area * (point.history.dissipated - before.dissipated);
    sum.viscous_step += area * (point.history.viscous_work - before.viscous_work);

    const Vector<d> traction = turned_back<d>(rotation, point.traction);
    for (std::size_t i = 0; i < m; ++i) {
      for (std::size_t c = 0; c < d; ++c) side_force[(i * d) + c] += area * shape[i] * traction[c];
    }
    if (matrix != nullptr) {
      add_stiffness<d>(shape, area, turned_back<d>(rotation, point.tangent), matrix);
    }
  }
}

}  // namespace nmcx
