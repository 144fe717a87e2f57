// What a polycrystal does under a lattice strain and given displacements: forces, stress, energy.
#include <algorithm>
#include <cmath>

#include "nmcx/core/error.hpp"
#include "nmcx/fem/cell_corners.hpp"
#include "nmcx/fem/elastic_cells.hpp"
#include "nmcx/fem/elasticity.hpp"

namespace nmcx {
namespace {

/// Lattice strain at a place in a cell.
template <std::size_t d>
Voigt strain_at(const ArrayView<double, 2>& eigenstrain, const Index* corner,
                const Barycentric<d>& place) {
  Voigt strain{};
  for (std::size_t i = 0; i <= d; ++i) {
    for (std::size_t k = 0; k < 6; ++k) {
      strain[k] += place[i] * eigenstrain(static_cast<std::size_t>(corner[i]), k);
    }
  }
  return strain;
}

template <std::size_t d>
constexpr Barycentric<d> at_corner(std::size_t i) {
  Barycentric<d> place{};
  place[i] = 1;
  return place;
}

}  // namespace

void Elasticity::check_eigenstrain(const ArrayView<double, 2>& eigenstrain) const {
  require(eigenstrain.shape[0] == n_corner_ && eigenstrain.shape[1] == 6,
          "eigenstrain must have shape (n_node, 6), one row per corner node of the mesh");
  require(std::ranges::all_of(eigenstrain, [](double e) { return std::isfinite(e); }),
          "eigenstrain must be finite");
}

std::vector<double> Elasticity::load(const ArrayView<double, 2>& eigenstrain,
                                     const Execution& execution) const {
  check_eigenstrain(eigenstrain);
  std::vector<double> result(size(), 0.0);
  with_cell_type(
      [&]<std::size_t d, std::size_t n>() { add_load<d, n>(eigenstrain, result, execution); });
  return result;
}

template <std::size_t d, std::size_t n>
void Elasticity::add_load(const ArrayView<double, 2>& eigenstrain, std::span<double> load,
                          const Execution& execution) const {
  cell_assembly_->for_each_group<n>(execution, [&](const auto& place) {
    const Simplex<d> s = simplex(cell_corners<d>(unknowns_, place.rows));
    const Index* corner = corner_.data() + (place.group * (d + 1));
    std::array<Vector<d>, n> force{};
    const auto add = [&](const Barycentric<d>& at, double weight) {
      const Voigt stress =
          stress_of(stiffness_of(place.group), strain_at<d>(eigenstrain, corner, at));
      const auto gradients = shape_gradients<d, n>(s, at);
      for (std::size_t i = 0; i < n; ++i) {
        const Vector<d> part = force_of<d>(gradients[i], stress);
        for (std::size_t k = 0; k < d; ++k) force[i][k] += weight * part[k];
      }
    };
    if constexpr (n == d + 1) {
      add(centroid<d>(), s.volume);  // gradients are constant
    } else {
      for (const auto& at : quadrature_points<d>()) add(at, s.volume / (d + 1));
    }
    for (std::size_t i = 0; i < n; ++i) {
      if (!place.is_mine(i)) continue;
      for (std::size_t k = 0; k < d; ++k) load[(place.row(i) * d) + k] += force[i][k];
    }
  });
  const std::size_t n_inner = pattern_.size() * d;
  Team team(execution);
  for (std::size_t c = 0; c < n_border_; ++c) {
    load[n_inner + c] = chunked_sum(n_cell(), team, [&](std::size_t i) {
      const Voigt mean = strain_at<d>(eigenstrain, corner_.data() + (i * (d + 1)), centroid<d>());
      const Simplex<d> s = simplex(cell_corners<d>(unknowns_, cells_.group(i).data()));
      return s.volume * stress_of(stiffness_of(i), mean)[out_of_plane[c]];
    });
  }
}

ElasticState Elasticity::state(std::span<const double> x, const ArrayView<double, 2>& eigenstrain,
                               const Execution& execution) const {
  check_eigenstrain(eigenstrain);
  require(x.size() == size(), "displacements must have one value per unknown");
  ElasticState result{.stress = Array<double, 2>({n_cell(), 6}),
                      .nodal_stress = Array<double, 2>({n_corner_, 6}, 0.0)};
  with_cell_type(
      [&]<std::size_t d, std::size_t n>() { fill_state<d, n>(x, eigenstrain, result, execution); });
  return result;
}

template <std::size_t d, std::size_t n>
void Elasticity::fill_state(std::span<const double> x, const ArrayView<double, 2>& eigenstrain,
                            ElasticState& result, const Execution& execution) const {
  const auto simplex_of = [&](std::size_t i) {
    return simplex(cell_corners<d>(unknowns_, cells_.group(i).data()));
  };
  // Strain that is elastic: that of the displacements and the section less the lattice's.
  const auto elastic_strain = [&](std::size_t i, const Simplex<d>& s, const Barycentric<d>& at) {
    Voigt strain = strain_at<d>(eigenstrain, corner_.data() + (i * (d + 1)), at);
    for (double& each : strain) each = -each;
    const auto gradients = shape_gradients<d, n>(s, at);
    const auto group = cells_.group(i);
    for (std::size_t k = 0; k < n; ++k) {
      const double* u = x.data() + (static_cast<std::size_t>(group[k]) * d);
      add_strain<d>(gradients[k], u, strain);
    }
    for (std::size_t c = 0; c < n_border_; ++c) {
      strain[out_of_plane[c]] += x[(pattern_.size() * d) + c];
    }
    return strain;
  };
  // Displacements and lattice strain both being polynomials, the mean stress is that at the centre.
  parallel_for(n_cell(), rows_of_chunk, execution,
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 for (std::size_t i = begin; i < end; ++i) {
                   const Voigt strain = elastic_strain(i, simplex_of(i), centroid<d>());
                   const Voigt stress = stress_of(stiffness_of(i), strain);
                   std::copy(stress.begin(), stress.end(), result.stress.data() + (row_[i] * 6));
                 }
               });
  Team team(execution);
  result.stored_energy = chunked_sum(n_cell(), team, [&](std::size_t i) {
    const Simplex<d> s = simplex_of(i);
    double energy = 0;
    for (const auto& at : quadrature_points<d>()) {
      const Voigt strain = elastic_strain(i, s, at);
      const Voigt stress = stress_of(stiffness_of(i), strain);
      for (std::size_t k = 0; k < 6; ++k) energy += stress[k] * strain[k];
    }
    return 0.5 * s.volume / (d + 1) * energy;
  });

  // A node belongs to one grain, so that its mean never reaches across a wall. Constant strain of
  // linear cells is taken with the lattice strain's mean, that of quadratic ones at the node.
  std::vector<double> weight(n_corner_, 0.0);
  for (std::size_t i = 0; i < n_cell(); ++i) {
    const Simplex<d> s = simplex_of(i);
    for (std::size_t k = 0; k <= d; ++k) {
      const Barycentric<d> at = n == d + 1 ? centroid<d>() : at_corner<d>(k);
      const Voigt stress = stress_of(stiffness_of(i), elastic_strain(i, s, at));
      const auto node = static_cast<std::size_t>(corner_[(i * (d + 1)) + k]);
      weight[node] += s.volume;
      for (std::size_t v = 0; v < 6; ++v) {
        result.nodal_stress[(node * 6) + v] += s.volume * stress[v];
      }
    }
  }
  for (std::size_t node = 0; node < n_corner_; ++node) {
    for (std::size_t v = 0; v < 6; ++v) result.nodal_stress[(node * 6) + v] /= weight[node];
  }
}

void Elasticity::add_wall_matrices(const ArrayView<double, 3>& matrices, std::span<double> values,
                                   const Execution& execution) const {
  const std::size_t n_side_unknown = walls_.n_member / 2 * dimension_;
  require(matrices.shape[0] == walls_.size() && matrices.shape[1] == n_side_unknown &&
              matrices.shape[2] == n_side_unknown,
          "wall matrices must have shape (n_wall, f d, f d), one per untied facet");
  require(values.size() == values_.size(), "values must be those of a matrix of this mesh");
  if (walls_.size() == 0) return;
  with_wall_type([&]<std::size_t d, std::size_t n>() {
    constexpr std::size_t m = n / 2;
    wall_assembly_->for_each_group<n>(execution, [&](const auto& place) {
      const double* matrix = matrices.data + (place.group * m * d * m * d);
      for (std::size_t i = 0; i < n; ++i) {
        if (!place.is_mine(i)) continue;
        for (std::size_t j = 0; j < n; ++j) {
          const double sign = (i < m) == (j < m) ? 1 : -1;
          double* to = values.data() + ((place.row_begin(i) + place.in_row(i, j)) * d * d);
          for (std::size_t a = 0; a < d; ++a) {
            const double* from = matrix + ((((i % m) * d) + a) * m * d) + ((j % m) * d);
            for (std::size_t b = 0; b < d; ++b) to[(a * d) + b] += sign * from[b];
          }
        }
      }
    });
  });
}

}  // namespace nmcx
