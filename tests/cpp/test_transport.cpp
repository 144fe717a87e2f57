#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "nmcx/core/error.hpp"
#include "nmcx/fem/element.hpp"
#include "nmcx/fem/transport.hpp"
#include "two_grains.hpp"

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// Gauss and Seidel's sweeps; sees to it that what it is given is as promised.
class Sweeps final : public nmcx::OutsideSolver {
 public:
  explicit Sweeps(int n_sweep) : n_sweep_(n_sweep) {}

  void set_matrix(const nmcx::SparsePattern& pattern, std::span<const double> values,
                  std::span<const double> smooth) override {
    pattern_ = &pattern;
    values_.assign(values.begin(), values.end());
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      BOOST_TEST(values[static_cast<std::size_t>(pattern.diagonal[i])] == 1.0);
      BOOST_TEST(smooth[i] >= 0.0);
    }
    ++n_matrix;
  }

  std::size_t solve(std::span<const double> r, double tolerance, std::span<double> x) override {
    BOOST_TEST(tolerance > 0.0);
    std::ranges::fill(x, 0.0);
    for (int sweep = 0; sweep < n_sweep_; ++sweep) {
      for (std::size_t i = 0; i < r.size(); ++i) {
        double left = r[i] + x[i];
        for (auto k = pattern_->row_start[i]; k < pattern_->row_start[i + 1]; ++k) {
          const auto at = static_cast<std::size_t>(k);
          left -= values_[at] * x[static_cast<std::size_t>(pattern_->column[at])];
        }
        x[i] = left;
      }
    }
    return static_cast<std::size_t>(n_sweep_);
  }

  int n_matrix = 0;

 private:
  int n_sweep_;
  const nmcx::SparsePattern* pattern_ = nullptr;
  std::vector<double> values_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(transport)

BOOST_AUTO_TEST_CASE(gradients_of_a_simplex_reproduce_linear_functions) {
  const std::array<nmcx::Vector<3>, 4> corner{
      {{0.1, 0.2, 0.0}, {1.3, 0.1, 0.2}, {0.2, 0.9, -0.1}, {0.3, 0.4, 1.1}}};
  const nmcx::Simplex<3> s = nmcx::simplex(corner);
  const nmcx::Vector<3> slope{2, -1, 0.5};
  nmcx::Vector<3> found{};
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t k = 0; k < 3; ++k) {
      found[k] += s.gradients[i][k] * nmcx::dot<3>(slope, corner[i]);
    }
  }
  for (std::size_t k = 0; k < 3; ++k)
    BOOST_TEST(found[k] == slope[k], boost::test_tools::tolerance(1e-13));
}

BOOST_AUTO_TEST_CASE(gradients_in_a_facet_reproduce_linear_functions_along_it) {
  const std::array<nmcx::Vector<3>, 3> corner{{{0, 0, 0}, {2, 0, 0}, {0.5, 3, 0}}};
  const auto gradients = nmcx::facet_gradients(corner);
  const nmcx::Vector<3> slope{1.5, -2, 0};
  nmcx::Vector<3> found{};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t k = 0; k < 3; ++k)
      found[k] += gradients[i][k] * nmcx::dot<3>(slope, corner[i]);
  }
  BOOST_TEST(found[0] == 1.5, boost::test_tools::tolerance(1e-13));
  BOOST_TEST(found[1] == -2.0, boost::test_tools::tolerance(1e-13));
  BOOST_TEST(std::abs(found[2]) < 1e-13);
}

BOOST_AUTO_TEST_CASE(tied_grains_share_unknowns_and_others_exchange) {
  TwoGrains grains;
  BOOST_TEST(grains.transport().size() == 5U);  // eight nodes, three of them tied
  grains.conductance = {6.0};
  nmcx::Transport apart(grains.mesh(), grains.properties(), true, nmcx::SolverKind::automatic,
                        grains.one_thread);
  BOOST_TEST(apart.size() == 8U);
  // Grain 0 at 1, grain 1 at 0: no gradients, so all that moves crosses the wall, k A (1 - 0).
  const auto unknown = apart.unknown_of_node();
  std::vector<double> c(8, 0.0);
  for (std::size_t node = 0; node < 4; ++node) c[static_cast<std::size_t>(unknown[node])] = 1;
  const auto outflow = apart.outflow(view(c), grains.one_thread);
  double leaving = 0;
  for (std::size_t node = 0; node < 4; ++node) {
    leaving += outflow[static_cast<std::size_t>(unknown[node])];
  }
  BOOST_TEST(leaving == 6.0 * std::sqrt(3.0) / 2.0, boost::test_tools::tolerance(1e-13));
}

BOOST_AUTO_TEST_CASE(a_uniform_concentration_does_not_move_and_masses_add_up) {
  for (const bool lumped : {true, false}) {
    const TwoGrains grains;
    nmcx::Transport transport(grains.mesh(), grains.properties(), lumped,
                              nmcx::SolverKind::automatic, grains.one_thread);
    const std::vector<double> uniform(transport.size(), 3.0);
    const auto outflow = transport.outflow(view(uniform), grains.one_thread);
    double mass = 0;
    for (std::size_t i = 0; i < transport.size(); ++i) {
      BOOST_TEST(std::abs(outflow[i]) < 1e-14);
      mass += transport.mass()[i];
    }
    BOOST_TEST(mass == 1.0 / 6.0 + 1.0 / 3.0, boost::test_tools::tolerance(1e-14));
  }
}

BOOST_AUTO_TEST_CASE(a_step_keeps_the_total_amount_with_every_solver_and_mass) {
  for (const auto kind : {nmcx::SolverKind::iterative, nmcx::SolverKind::direct}) {
    for (const bool lumped : {true, false}) {
      const TwoGrains grains;
      nmcx::Transport transport(grains.mesh(), grains.properties(), lumped, kind,
                                grains.one_thread);
      const std::size_t n = transport.size();
      std::vector<double> c(n);
      for (std::size_t i = 0; i < n; ++i) c[i] = static_cast<double>(i * i);
      const double rate = 0.5;
      std::vector<double> history(n);
      for (std::size_t i = 0; i < n; ++i) history[i] = rate * c[i];
      std::vector<double> load(n, 0.0);
      load[0] = 0.25;
      const std::vector<double> zero(n, 0.0);
      const std::vector<double> free(n, none);
      // A sloppy tolerance: the constant shift closes the balance nevertheless.
      const auto result =
          transport.step({.rate = rate,
                          .history = view(history),
                          .load = view(load),
                          .exchange = view(zero),
                          .fixed = view(free),
                          .guess = view(c)},
                         {.tolerance = 1e-2, .max_iterations = 100}, grains.one_thread);
      double change = 0;
      for (std::size_t i = 0; i < n; ++i) {
        change += transport.mass()[i] * (result.concentration[i] - c[i]);
      }
      BOOST_TEST(rate * change == 0.25, boost::test_tools::tolerance(1e-13));
      BOOST_TEST(result.inflow == 0.25, boost::test_tools::tolerance(1e-13));
    }
  }
}

BOOST_AUTO_TEST_CASE(what_enters_through_fixed_unknowns_is_counted) {
  const TwoGrains grains;
  nmcx::Transport transport(grains.mesh(), grains.properties(), true, nmcx::SolverKind::iterative,
                            grains.one_thread);
  const std::size_t n = transport.size();
  const std::vector<double> zero(n, 0.0);
  std::vector<double> fixed(n, none);
  fixed[0] = 1;
  const auto result = transport.step({.rate = 2,
                                      .history = view(zero),
                                      .load = view(zero),
                                      .exchange = view(zero),
                                      .fixed = view(fixed),
                                      .guess = view(zero)},
                                     {.tolerance = 1e-3, .max_iterations = 100}, grains.one_thread);
  double held = 0;
  for (std::size_t i = 0; i < n; ++i) held += transport.mass()[i] * result.concentration[i];
  BOOST_TEST(result.concentration[0] == 1.0);
  BOOST_TEST(2 * held == result.inflow, boost::test_tools::tolerance(1e-13));
  BOOST_TEST(result.reaction[0] == result.inflow);
}

BOOST_AUTO_TEST_CASE(degenerate_meshes_and_materials_are_named) {
  const auto fails = [](const TwoGrains& grains, const char* word) {
    BOOST_CHECK_EXCEPTION(grains.transport(), nmcx::InvalidArgument,
                          [&](const nmcx::InvalidArgument& error) { return names(error, word); });
  };
  TwoGrains grains;
  grains.cells = {0, 2, 1, 3, 4, 5, 6, 7};
  fails(grains, "cell 0 has a negative volume");
  grains = {};
  grains.points[11] = 0;
  grains.points[20] = 0;
  fails(grains, "flat");
  grains = {};
  grains.points[2] = none;
  fails(grains, "points must be finite");
  grains = {};
  grains.diffusivity[0] = -1;
  fails(grains, "grain 0 must be finite, symmetric and positive definite");
  grains = {};
  grains.diffusivity[1] = 0.4;
  fails(grains, "symmetric");
  grains = {};
  grains.grain[1] = 5;
  fails(grains, "grain names a grain");
  grains = {};
  grains.cells[3] = 99;
  fails(grains, "cells names node 99");
  grains = {};
  grains.conductance[0] = -1;
  fails(grains, "interface_conductance");
  grains = {};
  grains.interfaces = {1, 2, 3, 5, 4, 6};
  fails(grains, "interface facet 0");
  grains = {};
  grains.points.insert(grains.points.end(), {5.0, 5.0, 5.0});
  fails(grains, "corner of no cell");
}

BOOST_AUTO_TEST_CASE(a_steady_state_without_anything_held_is_refused) {
  const TwoGrains grains;
  nmcx::Transport transport(grains.mesh(), grains.properties(), true, nmcx::SolverKind::iterative,
                            grains.one_thread);
  const std::vector<double> zero(transport.size(), 0.0);
  const std::vector<double> free(transport.size(), none);
  BOOST_CHECK_THROW(transport.step({.rate = 0,
                                    .history = view(zero),
                                    .load = view(zero),
                                    .exchange = view(zero),
                                    .fixed = view(free),
                                    .guess = view(zero)},
                                   {}, grains.one_thread),
                    nmcx::InvalidArgument);
}

BOOST_AUTO_TEST_CASE(an_outside_solver_takes_the_place_of_ours) {
  TwoGrains grains;
  grains.conductance = {6.0};
  nmcx::Transport ours = grains.transport();
  nmcx::Transport theirs = grains.transport();
  const auto sweeps = std::make_shared<Sweeps>(60);
  theirs.use(sweeps);
  const std::size_t n = ours.size();
  const std::vector<double> zero(n, 0.0);
  const std::vector<double> before(n, 4.0);
  std::vector<double> load(n, 0.0);
  load[2] = 3;
  std::vector<double> held(n, none);
  held[5] = 1;
  const auto step = [&](nmcx::Transport& transport, const std::vector<double>& fixed) {
    return transport.step({.rate = 2,
                           .history = view(before),
                           .load = view(load),
                           .exchange = view(zero),
                           .fixed = view(fixed),
                           .guess = view(before)},
                          {.tolerance = 1e-12, .max_iterations = 100}, grains.one_thread);
  };
  for (const auto& fixed : {std::vector<double>(n, none), held}) {
    const auto wanted = step(ours, fixed);
    const auto found = step(theirs, fixed);
    BOOST_TEST(found.iterations >= 60);
    BOOST_TEST(found.residual <= 1e-12);
    for (std::size_t i = 0; i < n; ++i) {
      BOOST_TEST(found.concentration[i] == wanted.concentration[i],
                 boost::test_tools::tolerance(1e-10));
    }
  }
  BOOST_TEST(sweeps->n_matrix == 2);

  // One that gets nowhere is not believed.
  nmcx::Transport stuck = grains.transport();
  stuck.use(std::make_shared<Sweeps>(0));
  BOOST_CHECK_EXCEPTION(
      step(stuck, held), nmcx::ConvergenceError, [](const nmcx::ConvergenceError& error) {
        return std::string(error.what()).find("outside solver") != std::string::npos;
      });
}

// M = V (1 + δ_ij) / 20, whose inverse is 20 (δ_ij − 1/5) / V: an inflow at one corner, so fast
// that nothing diffuses, lowers the others.
BOOST_AUTO_TEST_CASE(the_consistent_mass_is_that_of_linear_functions) {
  TwoGrains grains;
  grains.conductance = {0.0};
  nmcx::Transport transport(grains.mesh(), grains.properties(), false, nmcx::SolverKind::direct,
                            grains.one_thread);
  const auto unknown = transport.unknown_of_node();
  const auto at = [&](std::size_t node) { return static_cast<std::size_t>(unknown[node]); };
  const std::vector<double> zero(transport.size(), 0.0);
  const std::vector<double> free(transport.size(), none);
  std::vector<double> load(transport.size(), 0.0);
  load[at(0)] = 1;
  constexpr double rate = 1e12;
  constexpr double volume = 1.0 / 6;
  const auto found = transport.step({.rate = rate,
                                     .history = view(zero),
                                     .load = view(load),
                                     .exchange = view(zero),
                                     .fixed = view(free),
                                     .guess = view(zero)},
                                    {}, grains.one_thread);
  for (std::size_t node = 0; node < 4; ++node) {
    const double wanted = 20 * ((node == 0 ? 1 : 0) - 0.2) / volume / rate;
    BOOST_TEST(found.concentration[at(node)] == wanted, boost::test_tools::tolerance(1e-9));
  }
}

// c = x over the wall through (1,0,0), (0,1,0), (0,0,1), whose area is √3/2: its slope in the wall
// has the square 1 − 1/3.
BOOST_AUTO_TEST_CASE(a_wall_conducts_along_itself) {
  TwoGrains grains;
  const nmcx::Transport without = grains.transport();
  grains.along = {0.7};
  const nmcx::Transport with = grains.transport();
  const auto unknown = with.unknown_of_node();
  std::vector<double> c(with.size(), 0.0);
  for (std::size_t node = 0; node < 8; ++node) {
    c[static_cast<std::size_t>(unknown[node])] = grains.points[3 * node];
  }
  const auto more = with.outflow(view(c), grains.one_thread);
  const auto less = without.outflow(view(c), grains.one_thread);
  double spent = 0;
  for (std::size_t i = 0; i < c.size(); ++i) spent += c[i] * (more[i] - less[i]);
  BOOST_TEST(spent == 0.7 * (std::sqrt(3.0) / 2) * (2.0 / 3), boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_SUITE_END()
