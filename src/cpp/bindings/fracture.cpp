#include "nmcx/fem/fracture.hpp"

#include <pybind11/functional.h>

#include <algorithm>

#include "bind.hpp"

using namespace py::literals;

void bind_fracture(py::module_& m) {
  using Doubles = nmcx::ArrayView<double, 2>;
  using nmcx::FollowedStep;
  using nmcx::Fracture;
  using nmcx::FractureEnergies;
  using nmcx::FractureLoad;
  using nmcx::FracturePoint;
  using nmcx::FractureReport;
  using nmcx::FractureStep;
  using nmcx::bindings::ReleaseGil;

  py::class_<FractureLoad>(m, "FractureLoad");
  py::class_<FracturePoint>(m, "FracturePoint")
      .def_property_readonly("x",
                             [](FracturePoint& self) {
                               nmcx::Array<double, 1> x({self.x.size()});
                               std::copy(self.x.begin(), self.x.end(), x.data());
                               return x;
                             })
      .def(
          "with_walls",
          [](const FracturePoint& self, const nmcx::CohesiveState& walls) {
            return FracturePoint{.x = self.x, .walls = walls};
          },
          "walls"_a);
  py::class_<FractureReport>(m, "FractureReport")
      .def_readonly("converged", &FractureReport::converged)
      .def_readonly("residual", &FractureReport::residual)
      .def_readonly("reference", &FractureReport::reference)
      .def_readonly("newton", &FractureReport::newton)
      .def_readonly("secant", &FractureReport::secant)
      .def_readonly("linear", &FractureReport::linear)
      .def_readonly("factorisations", &FractureReport::factorisations)
      .def_readonly("was_unstable", &FractureReport::was_unstable);
  py::class_<FractureEnergies>(m, "FractureEnergies")
      .def_readonly("elastic", &FractureEnergies::elastic)
      .def_readonly("walls", &FractureEnergies::walls)
      .def_readonly("stored_step", &FractureEnergies::stored_step)
      .def_readonly("dissipated_step", &FractureEnergies::dissipated_step)
      .def_readonly("viscous_step", &FractureEnergies::viscous_step)
      .def_readonly("supplied_step", &FractureEnergies::supplied_step);
  py::class_<FractureStep>(m, "FractureStep")
      .def_readonly("point", &FractureStep::point)
      .def_readonly("walls", &FractureStep::walls)
      .def_readonly("energies", &FractureStep::energies)
      .def_readonly("report", &FractureStep::report);

  py::class_<FollowedStep>(m, "FollowedStep")
      .def_readonly("t", &FollowedStep::t)
      .def_readonly("load", &FollowedStep::load)
      .def_readonly("step", &FollowedStep::step);

  py::class_<Fracture>(m, "Fracture")
      .def(py::init([](const nmcx::Elasticity& elasticity, std::vector<nmcx::CohesiveLaw> laws,
                       const nmcx::ArrayView<std::int64_t, 1>& law_of_facet,
                       nmcx::FacetQuadrature quadrature, const Doubles& fixed) {
             return nmcx::bindings::without_gil([&] {
               return std::make_unique<Fracture>(
                   elasticity, nmcx::WallLaws{std::move(laws), law_of_facet, quadrature}, fixed);
             });
           }),
           "elasticity"_a, "laws"_a, "law_of_facet"_a.noconvert(), "quadrature"_a,
           "fixed"_a.noconvert(), py::keep_alive<1, 2>())
      .def_property_readonly("can_follow", &Fracture::can_follow)
      .def("forget", &Fracture::forget)
      .def_property_readonly("walls", &Fracture::walls, py::return_value_policy::reference_internal)
      .def(
          "load",
          [](const Fracture& self, const Doubles& eigenstrain, const Doubles& fixed,
             const Doubles& force, const nmcx::Execution& threads) {
            return self.load({eigenstrain, fixed, force}, threads);
          },
          "eigenstrain"_a.noconvert(), "fixed"_a.noconvert(), "force"_a.noconvert(),
          "threads"_a = 0, ReleaseGil())
      .def("initial_point", &Fracture::initial_point)
      .def("point_at", &Fracture::point_at, "displacement"_a.noconvert(),
           "section_strain"_a.noconvert(), "walls"_a.noconvert())
      .def(
          "displacement",
          [](const Fracture& self, const FracturePoint& point) {
            return nmcx::displacement_of_nodes(self.elasticity(), point.x);
          },
          "point"_a)
      .def(
          "section_strain",
          [](const Fracture& self, const FracturePoint& point) {
            return nmcx::section_strain(self.elasticity(), point.x);
          },
          "point"_a)
      .def(
          "equilibrate",
          [](Fracture& self, const FractureLoad& before, const FractureLoad& after,
             const FracturePoint& point, const std::optional<nmcx::ArrayView<double, 1>>& guess,
             double tolerance, std::size_t max_iterations, double residual_integrity,
             double time_step, bool stops_if_unstable, const nmcx::Execution& threads) {
            const auto from = guess.value_or(nmcx::ArrayView<double, 1>{});
            return self.equilibrate(before, after, point, {from.data, from.shape[0]},
                                    {.tolerance = tolerance,
                                     .max_iterations = max_iterations,
                                     .residual_integrity = residual_integrity,
                                     .time_step = time_step,
                                     .stops_if_unstable = stops_if_unstable},
                                    threads);
          },
          "before"_a, "after"_a, "point"_a, "guess"_a.noconvert() = py::none(),
          "tolerance"_a = 1e-6, "max_iterations"_a = 100, "residual_integrity"_a = 1e-7,
          "time_step"_a = 0.0, "stops_if_unstable"_a = false, "threads"_a = 0, ReleaseGil())
      .def(
          "follow",
          [](Fracture& self, const FractureLoad& before, const nmcx::LoadPath& load_at,
             const FracturePoint& point, const nmcx::ArrayView<double, 1>& guess, double t,
             double dissipation, double tolerance, std::size_t max_iterations,
             double residual_integrity, const nmcx::Execution& threads) {
            return self.follow(before, load_at, point, {guess.data, guess.shape[0]}, t, dissipation,
                               {.tolerance = tolerance,
                                .max_iterations = max_iterations,
                                .residual_integrity = residual_integrity},
                               threads);
          },
          "before"_a, "load_at"_a, "point"_a, "guess"_a.noconvert(), "t"_a, "dissipation"_a,
          "tolerance"_a = 1e-6, "max_iterations"_a = 25, "residual_integrity"_a = 1e-7,
          "threads"_a = 0, ReleaseGil());
}
