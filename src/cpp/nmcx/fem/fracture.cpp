#include "nmcx/fem/fracture.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "nmcx/core/error.hpp"
#include "nmcx/fem/disjoint_sets.hpp"
#include "nmcx/fem/dissipation_control.hpp"
#include "nmcx/fem/equilibrium_search.hpp"
#include "nmcx/fem/mechanical_solver_choice.hpp"

namespace nmcx {
namespace {

// Forces whose sum is rounding, as for a body without cracks.
constexpr double balanced = 1e-9;

CohesiveWalls walls_of(const Elasticity& elasticity, const WallLaws& laws) {
  const Connectivity& walls = elasticity.walls();
  const std::vector<std::int64_t> nodes(walls.members.begin(), walls.members.end());
  std::vector<std::int64_t> law_of_wall;
  for (const std::size_t facet : elasticity.facet_of_wall()) {
    require(facet < laws.law_of_facet.shape[0], "law_of_facet must have one value per facet");
    law_of_wall.push_back(laws.law_of_facet[facet]);
  }
  require(!law_of_wall.empty(),
          "the mesh has no walls that could come apart: cohesive walls need interfaces between "
          "grains, or take walls as tied");
  const std::vector<double>& positions = elasticity.unknowns().positions;
  const std::size_t d = elasticity.dimension();
  return {{positions.data(), {positions.size() / d, d}},
          {nodes.data(), {walls.size(), walls.n_member}},
          laws.laws,
          {law_of_wall.data(), {law_of_wall.size()}},
          laws.quadrature};
}

bool has_equal_modes(const CohesiveLaw& law) {
  const bool has_one_energy = law.shear_fracture_energy == law.fracture_energy;
  const bool is_simple = law.mixed_mode == MixedMode::benzeggagh_kenane || law.exponent == 1;
  return law.shear_strength == law.strength && has_one_energy && is_simple && law.viscosity == 0;
}

double extent_of(const std::vector<double>& positions, std::size_t d) {
  double extent = 0;
  for (std::size_t k = 0; k < d; ++k) {
    double low = positions[k];
    double high = positions[k];
    for (std::size_t i = k; i < positions.size(); i += d) {
      low = std::min(low, positions[i]);
      high = std::max(high, positions[i]);
    }
    extent = std::max(extent, high - low);
  }
  return extent;
}

/// Unknowns of nodes that are held.
std::unique_ptr<bool[]> is_held(const std::vector<double>& held) {
  auto result = std::make_unique<bool[]>(held.size());
  for (std::size_t i = 0; i < held.size(); ++i) result[i] = !std::isnan(held[i]);
  return result;
}

/// Nodes that cells connect are of one grain; the layer's, that tied walls join to grains, of
/// theirs.
std::vector<Index> grain_of_node(const Elasticity& elasticity) {
  const BlockMatrix cells = elasticity.matrix();
  const SparsePattern& pattern = *cells.pattern;
  const std::size_t d = cells.dimension;
  DisjointSets sets(pattern.size());
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const auto end = static_cast<std::size_t>(pattern.row_start[i + 1]);
    for (auto k = static_cast<std::size_t>(pattern.row_start[i]); k < end; ++k) {
      const auto block = cells.values.subspan(k * d * d, d * d);
      if (std::ranges::any_of(block, [](double value) { return value != 0; })) {
        sets.unite(i, static_cast<std::size_t>(pattern.column[k]));
      }
    }
  }
  std::vector<Index> grain(pattern.size());
  for (std::size_t i = 0; i < grain.size(); ++i) grain[i] = static_cast<Index>(sets.find(i));
  return grain;
}

double mean(const Array<double, 1>& values) {
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) sum += values[i];
  return sum / static_cast<double>(values.size());
}

}  // namespace

Fracture::Fracture(const Elasticity& elasticity, const WallLaws& laws,
                   const ArrayView<double, 2>& fixed)
    : elasticity_(elasticity),
      held_(held_displacements(elasticity, fixed)),
      walls_(walls_of(elasticity, laws)),
      has_potential_(std::ranges::all_of(laws.laws, has_equal_modes)),
      extent_(extent_of(elasticity.unknowns().positions, elasticity.dimension())),
      solver_(quicker_mechanical_solver(
          elasticity.pattern(), elasticity.unknowns().positions, elasticity.dimension(),
          {is_held(held_).get(), held_.size()}, grain_of_node(elasticity))) {
  const auto weaker = [](const CohesiveLaw& a, const CohesiveLaw& b) {
    return a.strength < b.strength;
  };
  least_force_ = std::ranges::min_element(laws.laws, weaker)->strength * mean(walls_.area());
}

Fracture::~Fracture() = default;

FractureLoad Fracture::load(const ElasticLoad& given, const Execution& execution) const {
  FractureLoad load{.lattice = elasticity_.load(given.eigenstrain, execution),
                    .lattice_energy = 0,
                    .force = forces_on_unknowns(elasticity_, given.force),
                    .held = held_displacements(elasticity_, given.fixed)};
  for (std::size_t i = 0; i < held_.size(); ++i) {
    require(std::isnan(held_[i]) == std::isnan(load.held[i]),
            "fixed must hold the same displacements in every step");
  }
  require(solver_->rigid_modes().imbalance(load.force) <= balanced,
          "forces do not balance: the body would move or turn; give forces whose sum and moment "
          "vanish, or hold displacements with fixed");
  const std::vector<double> nowhere(elasticity_.size(), 0.0);
  load.lattice_energy = elasticity_.state(nowhere, given.eigenstrain, execution).stored_energy;
  return load;
}

FracturePoint Fracture::initial_point() const {
  return {.x = std::vector<double>(elasticity_.size(), 0.0), .walls = walls_.initial_state()};
}

FracturePoint Fracture::point_at(const ArrayView<double, 2>& displacement,
                                 const ArrayView<double, 1>& section_strain,
                                 const ArrayView<double, 3>& walls) const {
  require(std::ranges::all_of(displacement, [](double u) { return std::isfinite(u); }) &&
              std::ranges::all_of(section_strain, [](double e) { return std::isfinite(e); }),
          "start must hold finite displacements");
  require(section_strain.shape[0] == 3, "section strains are three");
  std::vector<double> x = held_displacements(elasticity_, displacement);
  x.insert(x.end(), section_strain.begin(),
           section_strain.begin() + static_cast<std::ptrdiff_t>(elasticity_.n_border()));
  return {.x = std::move(x), .walls = walls_.state_of(walls)};
}

FractureSystem Fracture::system() {
  return {.elasticity = elasticity_,
          .walls = walls_,
          .solver = *solver_,
          .values = values_,
          .has_potential = has_potential_,
          .least_force = least_force_,
          .extent = extent_};
}

FractureStep Fracture::equilibrate(const FractureLoad& before, const FractureLoad& after,
                                   const FracturePoint& point, std::span<const double> guess,
                                   const FractureOptions& options, const Execution& execution) {
  const std::size_t n = elasticity_.size();
  require(point.x.size() == n && (guess.empty() || guess.size() == n),
          "points and guesses must have one value per unknown");
  std::vector<double> x = point.x;
  if (!guess.empty()) x.assign(guess.begin(), guess.end());
  for (std::size_t i = 0; i < held_.size(); ++i) {
    if (!std::isnan(after.held[i])) x[i] = after.held[i];
  }
  std::vector<double> f(n);
  for (std::size_t i = 0; i < n; ++i) f[i] = after.lattice[i] + after.force[i];
  EquilibriumSearch search(system(), f, point.walls, options, execution);
  search.run(std::move(x));
  return finished(before, after, point, std::move(search.x()), std::move(search.walls()),
                  search.report(), execution);
}

FollowedStep Fracture::follow(const FractureLoad& before, const LoadPath& load_at,
                              const FracturePoint& point, std::span<const double> guess, double t,
                              double dissipation, const FractureOptions& options,
                              const Execution& execution) {
  const std::size_t n = elasticity_.size();
  require(point.x.size() == n && guess.size() == n,
          "points and guesses must have one value per unknown");
  DissipationControl control(system(), before, point, load_at, options, execution);
  control.run({guess.begin(), guess.end()}, t, dissipation);
  FractureStep step = finished(before, control.load(), point, std::move(control.x()),
                               std::move(control.walls()), control.report(), execution);
  return {.t = control.t(), .load = std::move(control.load()), .step = std::move(step)};
}

FractureStep Fracture::finished(const FractureLoad& before, const FractureLoad& after,
                                const FracturePoint& point, std::vector<double> x,
                                WallResponse walls, const FractureReport& report,
                                const Execution& execution) const {
  const std::size_t n = elasticity_.size();
  const std::size_t n_inner = held_.size();
  Team team(execution);
  std::vector<double> stiff_before(n);
  std::vector<double> stiff_after(n);
  multiply(elasticity_.matrix(), point.x, stiff_before, team);
  multiply(elasticity_.matrix(), x, stiff_after, team);
  const WallResponse walls_before = walls_.evaluate({point.x.data(), {n_inner}}, point.walls,
                                                    {.residual_integrity = 1}, execution);
  const auto elastic = [&](const std::vector<double>& at, const std::vector<double>& stiff,
                           const FractureLoad& load) {
    return load.lattice_energy + chunked_sum(n, team, [&](std::size_t i) {
             return at[i] * ((0.5 * stiff[i]) - load.lattice[i]);
           });
  };
  const WallEnergies& after_walls = walls.energies;
  FractureEnergies energies{.elastic = elastic(x, stiff_after, after),
                            .walls = after_walls.stored,
                            .dissipated_step = after_walls.dissipated_step,
                            .viscous_step = after_walls.viscous_step};
  energies.stored_step = energies.elastic - elastic(point.x, stiff_before, before) +
                         energies.walls - walls_before.energies.stored;
  // Work of lattice strain, forces and holds, each by the trapezoid rule.
  energies.supplied_step = after.lattice_energy - before.lattice_energy;
  energies.supplied_step += chunked_sum(n, team, [&](std::size_t i) {
    const double moved = x[i] - point.x[i];
    double work = 0.5 * ((before.force[i] + after.force[i]) * moved -
                         ((point.x[i] + x[i]) * (after.lattice[i] - before.lattice[i])));
    if (i < n_inner && !std::isnan(held_[i])) {
      const double reaction_before =
          stiff_before[i] + walls_before.force[i] - before.lattice[i] - before.force[i];
      const double reaction_after =
          stiff_after[i] + walls.force[i] - after.lattice[i] - after.force[i];
      work += 0.5 * (reaction_before + reaction_after) * moved;
    }
    return work;
  });
  CohesiveState state = walls.state;
  return {.point = {.x = std::move(x), .walls = std::move(state)},
          .walls = std::move(walls),
          .energies = energies,
          .report = report};
}

}  // namespace nmcx
