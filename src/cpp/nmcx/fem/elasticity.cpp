#include "nmcx/fem/elasticity.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numbers>
#include <sstream>
#include <string>

#include "nmcx/core/dense_matrix.hpp"
#include "nmcx/core/error.hpp"
#include "nmcx/fem/cell_corners.hpp"
#include "nmcx/fem/elastic_cells.hpp"

namespace nmcx {
namespace {

using Matrix6 = Eigen::Matrix<double, 6, 6, Eigen::RowMajor>;

constexpr std::array<std::size_t, 3> in_plane{0, 1, 5};

Matrix6 checked_stiffness(const ArrayView<double, 3>& stiffness, std::size_t g) {
  const Matrix6 c = Eigen::Map<const Matrix6>(stiffness.data + (g * 36));
  const std::string grain = "the stiffness of grain " + std::to_string(g);
  require(c.allFinite(), grain + " must be finite");
  require((c - c.transpose()).cwiseAbs().maxCoeff() <= 1e-9 * c.cwiseAbs().maxCoeff(),
          grain + " must be symmetric");
  // Shears weighted by √2 make the matrix a map of tensors, whose eigenvalues no rotation changes.
  Eigen::Matrix<double, 6, 1> weight;
  weight << 1, 1, 1, std::numbers::sqrt2, std::numbers::sqrt2, std::numbers::sqrt2;
  const Matrix6 kelvin = weight.asDiagonal() * c * weight.asDiagonal();
  const SymmetricModes modes = symmetric_modes(kelvin);
  const double least = modes.values[0];
  if (least > 1e-12 * modes.values[5]) return 0.5 * (c + c.transpose());
  const Eigen::Matrix<double, 6, 1> strain = modes.vectors.col(0).cwiseProduct(weight);
  std::ostringstream text;
  text << grain << " is not positive definite: its smallest Kelvin modulus is " << least
       << " Pa, so that the strain (" << strain.transpose() << ") costs no energy";
  throw InvalidArgument(text.str());
}

/// Stiffness that is left when stresses 33, 23 and 13 vanish: the strains they need are free.
Matrix6 condensed(const Matrix6& c) {
  const Eigen::Matrix3d inside = c(in_plane, in_plane);
  const Eigen::Matrix3d across = c(in_plane, out_of_plane);
  const Eigen::Matrix3d outside = c(out_of_plane, out_of_plane);
  Matrix6 result = Matrix6::Zero();
  result(in_plane, in_plane) = inside - (across * outside.inverse() * across.transpose());
  return result;
}

void check_mesh(const ElasticMesh& mesh, PlaneState state) {
  const std::size_t d = mesh.points.shape[1];
  const std::size_t n = mesh.cells.shape[1];
  require(d == 2 || d == 3, "points must have two or three coordinates");
  require((state == PlaneState::solid) == (d == 3),
          "plane must be 'solid' in three dimensions and a state of the plane in two");
  require(n == d + 1 || n == (d + 1) * (d + 2) / 2,
          "cells must have d + 1 nodes, or with midside nodes 6 or 10");
  const std::size_t f = n == d + 1 ? d : d * (d + 1) / 2;
  require(
      mesh.interfaces.shape[1] == 2 * f,
      "interfaces must have the nodes of both sides, midside nodes included if cells have them");
  require(mesh.cells.shape[0] > 0, "the mesh has no cells");
  require(mesh.grain.shape[0] == mesh.cells.shape[0], "grain must have one value per cell");
  require(mesh.is_tied.shape[0] == mesh.interfaces.shape[0],
          "tied must have one value per interface facet");
}

/// The edges of quadratic cells are straight: integrals take the corners' mapping.
template <std::size_t d>
void check_midsides(const std::array<Vector<d>, d + 1>& corner, const Unknowns& unknowns,
                    std::span<const Index> group, std::size_t cell) {
  for (std::size_t e = 0; d + 1 + e < group.size(); ++e) {
    const auto [a, b] = edge_corners[e];
    const Vector<d> node = position<d>(unknowns, group[d + 1 + e]);
    double off = 0;
    double length = 0;
    for (std::size_t k = 0; k < d; ++k) {
      off = std::max(off, std::abs(node[k] - (0.5 * (corner[a][k] + corner[b][k]))));
      length = std::max(length, std::abs(corner[a][k] - corner[b][k]));
    }
    require(off <= 1e-6 * length, "cell " + std::to_string(cell) +
                                      " has a midside node that is not amid its edge: "
                                      "mesh.midside_nodes makes them");
  }
}

}  // namespace

Elasticity::Elasticity(const ElasticMesh& mesh, const ArrayView<double, 3>& stiffness,
                       PlaneState state, const Execution& execution)
    : dimension_(mesh.points.shape[1]), plane_(state) {
  check_mesh(mesh, state);
  unknowns_ = tie_nodes(mesh.points, mesh.interfaces,
                        std::vector<bool>(mesh.is_tied.begin(), mesh.is_tied.end()));
  if (dimension_ == 2) {
    take_cells<2>(mesh);
  } else {
    take_cells<3>(mesh);
  }
  take_walls(mesh);
  execution.stop_if_asked();
  const std::array<const Connectivity*, 2> both{&cells_, &walls_};
  pattern_ = sparse_pattern(unknowns_.size(dimension_), both, execution);
  execution.stop_if_asked();
  cell_assembly_ = std::make_unique<Assembly>(pattern_, cells_, execution);
  execution.stop_if_asked();
  wall_assembly_ = std::make_unique<Assembly>(pattern_, walls_, execution);
  if (state == PlaneState::generalised_plane_strain) n_border_ = out_of_plane.size();
  assemble(stiffness, execution);
}

void Elasticity::assemble(const ArrayView<double, 3>& stiffness, const Execution& execution) {
  take_stiffness(stiffness);
  values_.assign(pattern_.column.size() * dimension_ * dimension_, 0.0);
  with_cell_type([&]<std::size_t d, std::size_t n>() {
    add_cells<d, n>(execution);
    if (n_border_ > 0) add_border<d, n>(execution);
  });
}

void Elasticity::take_stiffness(const ArrayView<double, 3>& stiffness) {
  require(stiffness.shape[1] == 6 && stiffness.shape[2] == 6,
          "stiffness must have shape (n_grain, 6, 6)");
  for (const std::size_t g : grain_) {
    require(g < stiffness.shape[0], "grain names a grain that has no stiffness");
  }
  stiffness_.resize(stiffness.size());
  for (std::size_t g = 0; g < stiffness.shape[0]; ++g) {
    Matrix6 c = checked_stiffness(stiffness, g);
    if (plane_ == PlaneState::plane_stress) c = condensed(c);
    std::copy_n(c.data(), 36, stiffness_.data() + (g * 36));
  }
}

template <std::size_t d>
void Elasticity::take_cells(const ElasticMesh& mesh) {
  const Connectivity given = unknowns_of(mesh.cells, unknowns_, "cells");
  row_ = order_by_first_unknown(given);
  const std::size_t n = given.n_member;
  cells_ = {.members = std::vector<Index>(given.members.size()), .n_member = n};
  grain_.resize(row_.size());
  corner_.resize(row_.size() * (d + 1));
  for (std::size_t i = 0; i < row_.size(); ++i) {
    const std::size_t cell = row_[i];
    const auto group = given.group(cell);
    std::copy(group.begin(), group.end(),
              cells_.members.begin() + static_cast<std::ptrdiff_t>(i * n));
    require(mesh.grain[cell] >= 0, "grain must not be negative");
    grain_[i] = static_cast<std::size_t>(mesh.grain[cell]);
    for (std::size_t k = 0; k <= d; ++k) {
      const auto node = static_cast<Index>(mesh.cells(cell, k));
      corner_[(i * (d + 1)) + k] = node;
      n_corner_ = std::max(n_corner_, static_cast<std::size_t>(node) + 1);
    }
    const auto corner = cell_corners<d>(unknowns_, group.data());
    check_shape<d>(corner, simplex(corner).volume, cell);
    check_midsides<d>(corner, unknowns_, group, cell);
  }
}

void Elasticity::take_walls(const ElasticMesh& mesh) {
  walls_.n_member = mesh.interfaces.shape[1];
  for (std::size_t f = 0; f < mesh.interfaces.shape[0]; ++f) {
    if (mesh.is_tied[f]) continue;
    facet_of_wall_.push_back(f);
    for (std::size_t i = 0; i < walls_.n_member; ++i) {
      walls_.members.push_back(unknowns_.of_node[static_cast<std::size_t>(mesh.interfaces(f, i))]);
    }
  }
}

template <std::size_t d, std::size_t n>
void Elasticity::add_cells(const Execution& execution) {
  cell_assembly_->for_each_group<n>(execution, [&](const auto& place) {
    const Simplex<d> s = simplex(cell_corners<d>(unknowns_, place.rows));
    const auto blocks = cell_stiffness<d, n>(s, stiffness_of(place.group));
    for (std::size_t i = 0; i < n; ++i) {
      if (!place.is_mine(i)) continue;
      for (std::size_t j = 0; j < n; ++j) {
        double* to = values_.data() + ((place.row_begin(i) + place.in_row(i, j)) * d * d);
        const double* from = blocks.data() + (((i * n) + j) * d * d);
        for (std::size_t k = 0; k < d * d; ++k) to[k] += from[k];
      }
    }
  });
}

/// Forces and section forces of a unit strain 33, 23 or 13 of the section.
template <std::size_t d, std::size_t n>
void Elasticity::add_border(const Execution& execution) {
  const std::size_t n_inner = pattern_.size() * d;
  border_.assign(n_border_ * n_inner, 0.0);
  corner_values_.assign(n_border_ * n_border_, 0.0);
  Team team(execution);
  for (std::size_t c = 0; c < n_border_; ++c) {
    double* column = border_.data() + (c * n_inner);
    Voigt unit{};
    unit[out_of_plane[c]] = 1;
    cell_assembly_->for_each_group<n>(execution, [&](const auto& place) {
      const Simplex<d> s = simplex(cell_corners<d>(unknowns_, place.rows));
      const Voigt stress = stress_of(stiffness_of(place.group), unit);
      // Quadratic shape functions have their mean gradients at the centroid.
      const auto gradients = shape_gradients<d, n>(s, centroid<d>());
      for (std::size_t i = 0; i < n; ++i) {
        if (!place.is_mine(i)) continue;
        const Vector<d> force = force_of<d>(gradients[i], stress);
        for (std::size_t k = 0; k < d; ++k) column[(place.row(i) * d) + k] += s.volume * force[k];
      }
    });
    for (std::size_t b = 0; b < n_border_; ++b) {
      corner_values_[(c * n_border_) + b] = chunked_sum(n_cell(), team, [&](std::size_t i) {
        const auto corner = cell_corners<d>(unknowns_, cells_.group(i).data());
        return simplex(corner).volume * stiffness_of(i)[(out_of_plane[b] * 6) + out_of_plane[c]];
      });
    }
  }
}

BlockMatrix Elasticity::matrix() const {
  return {.pattern = &pattern_,
          .dimension = dimension_,
          .values = values_,
          .border = border_,
          .corner = corner_values_};
}

}  // namespace nmcx
