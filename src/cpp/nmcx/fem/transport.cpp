#include "nmcx/fem/transport.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "nmcx/core/error.hpp"
#include "nmcx/fem/cell_corners.hpp"
#include "nmcx/fem/element.hpp"
#include "nmcx/fem/transport_cells.hpp"

namespace nmcx {
namespace {

/// Leading minors of a symmetric tensor of 2 or 3 dimensions are positive.
bool is_positive_definite(const ArrayView<double, 3>& tensors, std::size_t g) {
  const std::size_t d = tensors.shape[1];
  const auto t = [&](std::size_t i, std::size_t k) { return tensors(g, i, k); };
  double size = 0;
  for (std::size_t i = 0; i < d; ++i) size = std::max(size, std::abs(t(i, i)));
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t k = 0; k < d; ++k) {
      if (!std::isfinite(t(i, k)) || std::abs(t(i, k) - t(k, i)) > 1e-9 * size) return false;
    }
  }
  const double second = (t(0, 0) * t(1, 1)) - (t(0, 1) * t(1, 0));
  if (!(t(0, 0) > 0) || !(second > 0)) return false;
  if (d == 2) return true;
  const double third = (t(0, 0) * ((t(1, 1) * t(2, 2)) - (t(1, 2) * t(2, 1)))) -
                       (t(0, 1) * ((t(1, 0) * t(2, 2)) - (t(1, 2) * t(2, 0)))) +
                       (t(0, 2) * ((t(1, 0) * t(2, 1)) - (t(1, 1) * t(2, 0))));
  return third > 0;
}

void check_properties(const TransportMesh& mesh, const TransportProperties& properties) {
  const std::size_t d = mesh.points.shape[1];
  require(properties.diffusivity.shape[1] == d && properties.diffusivity.shape[2] == d,
          "diffusivity must have shape (n_grain, d, d)");
  require(properties.conductance.shape[0] == mesh.interfaces.shape[0] &&
              properties.along.shape[0] == mesh.interfaces.shape[0],
          "interface_conductance and interface_diffusion must have one value per interface facet");
}

}  // namespace

Transport::Transport(const TransportMesh& mesh, const TransportProperties& properties, bool lumped,
                     SolverKind solver, const Execution& execution)
    : dimension_(mesh.points.shape[1]), lumped_(lumped) {
  require(dimension_ == 2 || dimension_ == 3, "points must have two or three coordinates");
  require(mesh.cells.shape[1] == dimension_ + 1 && mesh.surface.shape[1] == dimension_ &&
              mesh.interfaces.shape[1] == 2 * dimension_,
          "cells, interfaces and surface must have d + 1, 2 d and d nodes in d dimensions");
  require(mesh.cells.shape[0] > 0, "the mesh has no cells");
  require(mesh.grain.shape[0] == mesh.cells.shape[0], "grain must have one value per cell");
  check_properties(mesh, properties);

  const std::size_t n_facet = mesh.interfaces.shape[0];
  std::vector<bool> is_tied(n_facet);
  for (std::size_t f = 0; f < n_facet; ++f) is_tied[f] = std::isinf(properties.conductance[f]);
  unknowns_ = tie_nodes(mesh.points, mesh.interfaces, is_tied);
  if (dimension_ == 2) {
    take_mesh<2>(mesh);
  } else {
    take_mesh<3>(mesh);
  }
  execution.stop_if_asked();
  for (const std::size_t g : grain_) {
    require(g < properties.diffusivity.shape[0],
            "grain names a grain that has no orientation or diffusivity");
  }
  walls_.n_member = 2 * dimension_;
  for (std::size_t f = 0; f < n_facet; ++f) {
    if (is_tied[f] && properties.along[f] == 0) continue;
    facet_of_wall_.push_back(f);
    for (std::size_t i = 0; i < 2 * dimension_; ++i) {
      walls_.members.push_back(unknowns_.of_node[static_cast<std::size_t>(mesh.interfaces(f, i))]);
    }
  }

  const std::array<const Connectivity*, 2> both{&cells_, &walls_};
  pattern_ = sparse_pattern(unknowns_.size(dimension_), both, execution);
  execution.stop_if_asked();
  cell_assembly_ = std::make_unique<Assembly>(pattern_, cells_, execution);
  execution.stop_if_asked();
  wall_assembly_ = std::make_unique<Assembly>(pattern_, walls_, execution);
  solver_ = std::make_unique<LinearSolver>(pattern_, dimension_, solver);
  mass_ = Array<double, 1>({size()});
  assemble(properties, execution);
}

template <std::size_t d>
void Transport::take_mesh(const TransportMesh& mesh) {
  const Connectivity given = unknowns_of(mesh.cells, unknowns_, "cells");
  order_ = order_by_first_unknown(given);
  cells_ = {.members = std::vector<Index>(given.members.size()), .n_member = d + 1};
  grain_.resize(order_.size());
  for (std::size_t i = 0; i < order_.size(); ++i) {
    const std::size_t cell = order_[i];
    const auto group = given.group(cell);
    std::copy(group.begin(), group.end(),
              cells_.members.begin() + static_cast<std::ptrdiff_t>(i * (d + 1)));
    require(mesh.grain[cell] >= 0, "grain must not be negative");
    grain_[i] = static_cast<std::size_t>(mesh.grain[cell]);
    const auto corner = cell_corners<d>(unknowns_, group.data());
    check_shape<d>(corner, simplex(corner).volume, cell);
  }
  surface_ = unknowns_of(mesh.surface, unknowns_, "surface");
  surface_area_ = Array<double, 1>({surface_.size()});
  for (std::size_t f = 0; f < surface_.size(); ++f) {
    surface_area_[f] = facet_area(cell_corners<d, d>(unknowns_, surface_.group(f).data()));
    if (!(surface_area_[f] > 0)) {
      throw InvalidArgument("surface facet " + std::to_string(f) + " has no area");
    }
  }
}

Array<std::int64_t, 1> Transport::unknown_of_node() const {
  Array<std::int64_t, 1> result({unknowns_.of_node.size()});
  std::copy(unknowns_.of_node.begin(), unknowns_.of_node.end(), result.data());
  return result;
}

Array<std::int64_t, 2> Transport::surface_unknowns() const {
  Array<std::int64_t, 2> result({surface_.size(), dimension_});
  std::copy(surface_.members.begin(), surface_.members.end(), result.data());
  return result;
}

void Transport::assemble(const TransportProperties& properties, const Execution& execution) {
  const std::scoped_lock lock(mutex_);
  for (std::size_t g = 0; g < properties.diffusivity.shape[0]; ++g) {
    if (!is_positive_definite(properties.diffusivity, g)) {
      throw InvalidArgument("the diffusivity of grain " + std::to_string(g) +
                            " must be finite, symmetric and positive definite");
    }
  }
  for (std::size_t f = 0; f < properties.conductance.shape[0]; ++f) {
    require(
        properties.conductance[f] >= 0,
        "interface_conductance must be 0 or more, infinite where grains are in perfect contact");
    require(properties.along[f] >= 0 && std::isfinite(properties.along[f]),
            "interface_diffusion must be 0 or more, and finite");
  }
  stiffness_.resize(pattern_.column.size());
  if (!lumped_) mass_values_.resize(pattern_.column.size());
  parallel_for(stiffness_.size(), 16 * rows_of_chunk, execution,
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 std::fill(stiffness_.data() + begin, stiffness_.data() + end, 0.0);
                 if (!lumped_)
                   std::fill(mass_values_.data() + begin, mass_values_.data() + end, 0.0);
               });
  std::fill_n(mass_.data(), mass_.size(), 0.0);
  system_.rate = -1;  // the matrices are no longer those of the last step
  diffusivity_.assign(properties.diffusivity.begin(), properties.diffusivity.end());
  conductance_.assign(properties.conductance.begin(), properties.conductance.end());
  along_.assign(properties.along.begin(), properties.along.end());
  if (dimension_ == 2) {
    add_cells<2>(execution);
    add_walls<2>(execution);
  } else {
    add_cells<3>(execution);
    add_walls<3>(execution);
  }
}

template <std::size_t d>
void Transport::add_cells(const Execution& execution) {
  constexpr std::size_t n = d + 1;
  // ∫ φ_i φ_j = V (1 + δ_ij) / ((d + 1)(d + 2)), row sum V / (d + 1).
  constexpr double share = 1.0 / n;
  constexpr double pair = 1.0 / (n * (n + 1));
  double* mass = mass_.data();
  double* stiffness = stiffness_.data();
  double* consistent = lumped_ ? nullptr : mass_values_.data();
  cell_assembly_->for_each_group<n>(execution, [&](const auto& place) {
    const Simplex<d> s = simplex(cell_corners<d>(unknowns_, place.rows));
    const auto k_ij = cell_stiffness(s, diffusivity_.data() + (grain_[place.group] * d * d));
#pragma GCC unroll 4
    for (std::size_t i = 0; i < n; ++i) {
      if (!place.is_mine(i)) continue;
      mass[place.row(i)] += s.volume * share;
      double* row = stiffness + place.row_begin(i);
#pragma GCC unroll 4
      for (std::size_t j = 0; j < n; ++j) row[place.in_row(i, j)] += k_ij[(i * n) + j];
      if (consistent == nullptr) continue;
      row = consistent + place.row_begin(i);
      for (std::size_t j = 0; j < n; ++j) {
        row[place.in_row(i, j)] += s.volume * pair * (i == j ? 2 : 1);
      }
    }
  });
}

template <std::size_t d>
void Transport::add_walls(const Execution& execution) {
  if (facet_of_wall_.empty()) return;
  constexpr std::size_t n = 2 * d;
  wall_assembly_->for_each_group<n>(execution, [&](const auto& place) {
    const auto corner = cell_corners<d, d>(unknowns_, place.rows);
    const double area = facet_area(corner);
    const std::size_t facet = facet_of_wall_[place.group];
    const double conductance = conductance_[facet];
    const double along = along_[facet];
    const FacetGradients<d> gradients = facet_gradients(corner);
    for (std::size_t i = 0; i < n; ++i) {
      if (!place.is_mine(i)) continue;
      double* row = stiffness_.data() + place.row_begin(i);
      // Across: nodal quadrature, so that a corner exchanges with the one it faces only.
      const std::size_t faced = (i + d) % n;
      if (std::isfinite(conductance) && place.rows[i] != place.rows[faced]) {
        const double exchange = conductance * area / static_cast<double>(d);
        row[place.in_row(i, i)] += exchange;
        row[place.in_row(i, faced)] -= exchange;
      }
      if (along == 0) continue;
      // Along: the mean of both sides diffuses in the wall.
      for (std::size_t j = 0; j < n; ++j) {
        row[place.in_row(i, j)] += 0.25 * along * area * dot<d>(gradients[i % d], gradients[j % d]);
      }
    }
  });
}

template void Transport::add_walls<2>(const Execution& execution);
template void Transport::add_walls<3>(const Execution& execution);

void Transport::check_request(const LinearStep& request) const {
  for (const auto* each :
       {&request.history, &request.load, &request.exchange, &request.fixed, &request.guess}) {
    require(each->shape[0] == size(), "a step needs one value per unknown");
  }
  require(std::isfinite(request.rate) && request.rate >= 0, "rate must be 0 or more");
}

void Transport::set_system(double rate, std::span<const double> exchange,
                           const ArrayView<double, 1>& fixed, Team& team) {
  const std::size_t n = size();
  const bool same = rate == system_.rate && system_.diagonal.size() == n;
  if (!same) {
    system_.diagonal.resize(n);
    system_.is_free = Array<bool, 1>({n}, true);
  }
  const double n_changed = chunked_sum(n, team, [&](std::size_t i) {
    const double diagonal = (lumped_ ? rate * mass_[i] : 0.0) + exchange[i];
    const bool is_free = std::isnan(fixed[i]);
    const bool changes = diagonal != system_.diagonal[i] || is_free != system_.is_free[i];
    system_.diagonal[i] = diagonal;
    system_.is_free[i] = is_free;
    return changes ? 1.0 : 0.0;
  });
  if (same && n_changed == 0) return;
  const double n_fixed =
      chunked_sum(n, team, [&](std::size_t i) { return system_.is_free[i] ? 0.0 : 1.0; });
  const bool any_fixed = n_fixed > 0;
  system_.rate = -1;  // until all of it is the new one
  system_.any_fixed = any_fixed;
  if (!lumped_) {
    system_.values.resize(stiffness_.size());
    team.loop(stiffness_.size(), 16 * rows_of_chunk,
              [&](std::size_t begin, std::size_t end, std::size_t) {
                for (std::size_t k = begin; k < end; ++k) {
                  system_.values[k] = stiffness_[k] + (rate * mass_values_[k]);
                }
              });
  }
  const std::span<const bool> is_free{system_.is_free.data(), n};
  solver_->set_matrix(system_matrix(), is_free, team);
  if (any_fixed) {
    std::vector<double> ones(n);
    for (std::size_t i = 0; i < n; ++i) ones[i] = is_free[i] ? 1 : 0;
    system_.ones.resize(n);
    multiply(system_matrix(), ones, system_.ones, team);
  }
  system_.rate = rate;
}

SparseMatrix Transport::system_matrix() const {
  return {.pattern = &pattern_,
          .values = lumped_ ? stiffness_ : system_.values,
          .diagonal = system_.diagonal};
}

std::vector<double> Transport::right_hand_side(const LinearStep& request, Team& team) const {
  std::vector<double> right(size());
  const std::vector<double> none(lumped_ ? 0 : size(), 0.0);
  const SparseMatrix mass{.pattern = &pattern_, .values = mass_values_, .diagonal = none};
  for_each_row(team, [&](std::size_t i) {
    right[i] = request.load[i] + (lumped_ ? mass_[i] * request.history[i]
                                          : mass.row_product(i, request.history.data));
  });
  return right;
}

double Transport::reference_norm(std::span<const double> right, const LinearStep& request,
                                 Team& team) const {
  if (!system_.any_fixed) return diagonal_norm(right, solver_->inverse_diagonal(), team);
  std::vector<double> given(size());
  for (std::size_t i = 0; i < size(); ++i) given[i] = system_.is_free[i] ? 0 : request.fixed[i];
  std::vector<double> drive(size());
  multiply(system_matrix(), given, drive, team);
  for (std::size_t i = 0; i < size(); ++i) drive[i] = right[i] - drive[i];
  return diagonal_norm(drive, solver_->inverse_diagonal(), team);
}

StepResult Transport::step(const LinearStep& request, const SolveOptions& options,
                           const Execution& execution) {
  Team team(execution);
  const std::scoped_lock lock(mutex_);
  const std::size_t n = size();
  check_request(request);
  const std::span<const double> exchange{request.exchange.data, n};
  set_system(request.rate, exchange, request.fixed, team);
  const SparseMatrix matrix = system_matrix();
  const std::vector<double> right = right_hand_side(request, team);
  const double reference = reference_norm(right, request, team);

  StepResult result{.concentration = Array<double, 1>({n}), .reaction = Array<double, 1>({n}, 0.0)};
  const std::span<double> x{result.concentration.data(), n};
  for_each_row(team, [&](std::size_t i) {
    x[i] = system_.is_free[i] ? (reference > 0 ? request.guess[i] : 0) : request.fixed[i];
  });
  std::vector<double> r(n);
  const auto residual = [&](std::size_t i) { return right[i] - matrix.row_product(i, x.data()); };
  const auto all_residuals = [&] {
    for_each_row(team, [&](std::size_t i) { r[i] = residual(i); });
  };
  all_residuals();
  const SolveReport report = solver_->solve(r, x, reference, options, team);
  result.iterations = static_cast<std::int64_t>(report.iterations);
  result.residual = report.residual;

  // The constant that closes the balance. Without fixed unknowns it needs no matrix of diffusion,
  // whose columns sum to zero but for rounding.
  double missing = 0;
  double per_shift = 0;
  if (system_.any_fixed) {
    all_residuals();
    const auto if_free = [&](std::size_t i, double value) {
      return system_.is_free[i] ? value : 0;
    };
    missing = chunked_sum(n, team, [&](std::size_t i) { return if_free(i, r[i]); });
    per_shift = chunked_sum(n, team, [&](std::size_t i) { return if_free(i, system_.ones[i]); });
  } else {
    missing = chunked_sum(n, team, [&](std::size_t i) {
      return (mass_[i] * (request.history[i] - (request.rate * x[i]))) + request.load[i] -
             (exchange[i] * x[i]);
    });
    per_shift = chunked_sum(n, team,
                            [&](std::size_t i) { return (request.rate * mass_[i]) + exchange[i]; });
    require(per_shift > 0, "a steady state needs a fixed concentration or an exchange somewhere");
  }
  const double shift = per_shift > 0 ? missing / per_shift : 0;
  for_each_row(team, [&](std::size_t i) {
    if (system_.is_free[i]) x[i] += shift;
  });
  result.inflow = chunked_sum(n, team, [&](std::size_t i) {
    if (!system_.is_free[i]) result.reaction[i] = -residual(i);
    return request.load[i] - (exchange[i] * x[i]) + result.reaction[i];
  });
  return result;
}

Array<double, 1> Transport::outflow(const ArrayView<double, 1>& concentration,
                                    const Execution& execution) const {
  require(concentration.shape[0] == size(), "concentration must have one value per unknown");
  Array<double, 1> result({size()});
  Team team(execution);
  const std::vector<double> none(size(), 0.0);
  multiply({.pattern = &pattern_, .values = stiffness_, .diagonal = none},
           {concentration.data, size()}, {result.data(), size()}, team);
  return result;
}

void Transport::use(std::shared_ptr<OutsideSolver> outside) {
  const std::scoped_lock lock(mutex_);
  solver_->use(std::move(outside));
  system_.rate = -1;
}

void Transport::forget_system() {
  const std::scoped_lock lock(mutex_);
  system_.rate = -1;
  system_.response.clear();
}

SolverExperience Transport::experience() const {
  const std::scoped_lock lock(mutex_);
  return solver_->experience();
}

void Transport::set_experience(const SolverExperience& experience) {
  const std::scoped_lock lock(mutex_);
  solver_->set_experience(experience);
}

}  // namespace nmcx
