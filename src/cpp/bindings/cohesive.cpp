#include <algorithm>

#include "bind.hpp"
#include "nmcx/fem/cohesive_walls.hpp"

using namespace py::literals;

namespace {

using nmcx::bindings::ReleaseGil;

void bind_law(py::module_& m) {
  using nmcx::CohesiveLaw;

  py::enum_<nmcx::SofteningShape>(m, "SofteningShape")
      .value("bilinear", nmcx::SofteningShape::bilinear)
      .value("exponential", nmcx::SofteningShape::exponential);
  py::enum_<nmcx::MixedMode>(m, "MixedMode")
      .value("benzeggagh_kenane", nmcx::MixedMode::benzeggagh_kenane)
      .value("power_law", nmcx::MixedMode::power_law);
  py::enum_<nmcx::OnsetCriterion>(m, "OnsetCriterion")
      .value("quadratic", nmcx::OnsetCriterion::quadratic)
      .value("energy", nmcx::OnsetCriterion::energy);

  py::class_<nmcx::CohesiveMode>(m, "CohesiveMode")
      .def_readonly("onset", &nmcx::CohesiveMode::onset)
      .def_readonly("final_opening", &nmcx::CohesiveMode::final_opening)
      .def_readonly("fracture_energy", &nmcx::CohesiveMode::fracture_energy);
  py::class_<CohesiveLaw>(m, "CohesiveLaw")
      .def(py::init([](double stiffness, double strength, double fracture_energy,
                       double shear_strength, double shear_fracture_energy, double exponent,
                       nmcx::SofteningShape shape, nmcx::MixedMode mixed_mode,
                       nmcx::OnsetCriterion onset_criterion, double viscosity,
                       double fatigue_cycles, double endurance) {
             const CohesiveLaw law{.stiffness = stiffness,
                                   .strength = strength,
                                   .fracture_energy = fracture_energy,
                                   .shear_strength = shear_strength,
                                   .shear_fracture_energy = shear_fracture_energy,
                                   .exponent = exponent,
                                   .shape = shape,
                                   .mixed_mode = mixed_mode,
                                   .onset_criterion = onset_criterion,
                                   .viscosity = viscosity,
                                   .fatigue_cycles = fatigue_cycles,
                                   .endurance = endurance};
             nmcx::check(law);
             return law;
           }),
           "stiffness"_a, "strength"_a, "fracture_energy"_a, "shear_strength"_a,
           "shear_fracture_energy"_a, "exponent"_a, "shape"_a, "mixed_mode"_a, "onset_criterion"_a,
           "viscosity"_a, "fatigue_cycles"_a, "endurance"_a);
  m.def("cohesive_mode", &nmcx::cohesive_mode, "law"_a, "sliding_share"_a);

  py::class_<nmcx::TractionSeparation>(m, "TractionSeparation")
      .def_readonly("traction", &nmcx::TractionSeparation::traction)
      .def_readonly("damage", &nmcx::TractionSeparation::damage);
  m.def(
      "traction_separation",
      [](const nmcx::CohesiveLaw& law, const nmcx::ArrayView<double, 1>& opening,
         const nmcx::ArrayView<double, 1>& sliding, const nmcx::ArrayView<double, 1>& largest) {
        return nmcx::traction_separation(law, opening, sliding, largest,
                                         nmcx::bindings::signals_pending);
      },
      "law"_a, "opening"_a.noconvert(), "sliding"_a.noconvert(), "largest"_a.noconvert(),
      ReleaseGil());
}

void bind_walls(py::module_& m) {
  using nmcx::CohesiveWalls;
  using nmcx::WallEnergies;
  using nmcx::WallResponse;

  py::enum_<nmcx::FacetQuadrature>(m, "FacetQuadrature")
      .value("nodal", nmcx::FacetQuadrature::nodal)
      .value("gauss", nmcx::FacetQuadrature::gauss);
  py::enum_<nmcx::TangentKind>(m, "TangentKind")
      .value("none", nmcx::TangentKind::none)
      .value("secant", nmcx::TangentKind::secant)
      .value("consistent", nmcx::TangentKind::consistent);

  py::class_<nmcx::CohesiveState>(m, "CohesiveState");
  py::class_<WallEnergies>(m, "WallEnergies")
      .def_readonly("stored", &WallEnergies::stored)
      .def_readonly("dissipated", &WallEnergies::dissipated)
      .def_readonly("viscous", &WallEnergies::viscous)
      .def_readonly("dissipated_step", &WallEnergies::dissipated_step)
      .def_readonly("viscous_step", &WallEnergies::viscous_step);
  py::class_<WallResponse>(m, "WallResponse")
      .def_readonly("force", &WallResponse::force)
      .def_readonly("matrices", &WallResponse::matrices)
      .def_readonly("opening", &WallResponse::opening)
      .def_readonly("sliding", &WallResponse::sliding)
      .def_readonly("traction", &WallResponse::traction)
      .def_readonly("damage", &WallResponse::damage)
      .def_readonly("is_loading", &WallResponse::is_loading)
      // A copy, or a state that is kept would keep the matrices too.
      .def_readonly("state", &WallResponse::state, py::return_value_policy::copy)
      .def_readonly("energies", &WallResponse::energies);

  py::class_<CohesiveWalls>(m, "CohesiveWalls")
      .def(py::init<const nmcx::ArrayView<double, 2>&, const nmcx::ArrayView<std::int64_t, 2>&,
                    std::vector<nmcx::CohesiveLaw>, const nmcx::ArrayView<std::int64_t, 1>&,
                    nmcx::FacetQuadrature>(),
           "positions"_a.noconvert(), "walls"_a.noconvert(), "laws"_a, "law_of_wall"_a.noconvert(),
           "quadrature"_a)
      .def_property_readonly("n_wall", &CohesiveWalls::n_wall)
      .def_property_readonly("n_point", &CohesiveWalls::n_point)
      .def_property_readonly("area", &CohesiveWalls::area,
                             py::return_value_policy::reference_internal)
      .def_property_readonly("weight",
                             [](const CohesiveWalls& self) {
                               const std::vector<double>& weight = self.rule().weight;
                               nmcx::Array<double, 1> result({weight.size()});
                               std::copy(weight.begin(), weight.end(), result.data());
                               return result;
                             })
      .def_property_readonly("rotation", &CohesiveWalls::rotation,
                             py::return_value_policy::reference_internal)
      .def("initial_state", &CohesiveWalls::initial_state)
      .def("fatigued", &CohesiveWalls::fatigued, "from_"_a, "to"_a, "residual_integrity"_a = 0.0)
      .def("values_of", &CohesiveWalls::values_of, "state"_a)
      .def("state_of", &CohesiveWalls::state_of, "values"_a.noconvert())
      .def(
          "evaluate",
          [](const CohesiveWalls& self, const nmcx::ArrayView<double, 1>& displacement,
             const nmcx::CohesiveState& state, nmcx::TangentKind tangent, double time_step,
             double residual_integrity,
             const std::optional<nmcx::ArrayView<std::int8_t, 2>>& frozen_branch,
             const nmcx::Execution& threads) {
            return self.evaluate(displacement, state,
                                 {tangent, time_step, residual_integrity,
                                  frozen_branch.value_or(nmcx::ArrayView<std::int8_t, 2>{})},
                                 threads);
          },
          "displacement"_a.noconvert(), "state"_a, "tangent"_a, "time_step"_a = 0.0,
          "residual_integrity"_a = 0.0, "frozen_branch"_a.noconvert() = py::none(), "threads"_a = 0,
          ReleaseGil());
}

}  // namespace

void bind_cohesive(py::module_& m) {
  bind_law(m);
  bind_walls(m);
}
