#include "nmcx/fem/transport.hpp"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include "bind.hpp"

using namespace py::literals;

namespace {

using Doubles = nmcx::ArrayView<double, 1>;
using Rows = nmcx::ArrayView<std::int64_t, 2>;

using Indices = nmcx::ArrayView<std::int64_t, 1>;

/// Asks a Python object, which copies what it is given.
class PythonSolver final : public nmcx::OutsideSolver {
 public:
  explicit PythonSolver(py::object solver) : solver_(std::move(solver)) {}

  void set_matrix(const nmcx::SparsePattern& pattern, std::span<const double> values,
                  std::span<const double> smooth) override {
    const py::gil_scoped_acquire gil;
    solver_.attr("set_matrix")(array_of<nmcx::Index>(pattern.row_start),
                               array_of<nmcx::Index>(pattern.column), array_of<double>(values),
                               array_of<double>(smooth));
  }

  std::size_t solve(std::span<const double> r, double tolerance, std::span<double> x) override {
    const py::gil_scoped_acquire gil;
    const py::tuple found = solver_.attr("solve")(array_of<double>(r), tolerance);
    const auto solution = found[0].cast<py::array_t<double, py::array::c_style>>();
    nmcx::require(static_cast<std::size_t>(solution.size()) == x.size(),
                  "a solver must give one value per unknown");
    std::copy_n(solution.data(), x.size(), x.data());
    return found[1].cast<std::size_t>();
  }

 private:
  template <class T>
  static py::array_t<T> array_of(std::span<const T> values) {
    return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
  }

  py::object solver_;
};

void bind_electrode(py::module_& m) {
  using nmcx::bindings::ReleaseGil;

  // The electrode borrows its arrays: they must live as long as it does.
  py::class_<nmcx::Electrode>(m, "Electrode")
      .def(py::init([](const Indices& unknown, const Doubles& area, const Doubles& conductance,
                       const Doubles& coverage, const Doubles& shift, const Doubles& relief,
                       const Doubles& equilibrium, const Doubles& slope, double max_concentration,
                       double prefactor, double transfer_anodic, double transfer_cathodic,
                       double thermal) {
             return nmcx::Electrode{{unknown, area, conductance, coverage, shift, relief},
                                    {max_concentration, prefactor, transfer_anodic,
                                     transfer_cathodic, thermal, equilibrium, slope}};
           }),
           "unknown"_a.noconvert(), "area"_a.noconvert(), "conductance"_a.noconvert(),
           "coverage"_a.noconvert(), "shift"_a.noconvert(), "relief"_a.noconvert(),
           "equilibrium"_a.noconvert(), "slope"_a.noconvert(), "max_concentration"_a, "prefactor"_a,
           "transfer_anodic"_a, "transfer_cathodic"_a, "thermal"_a, py::keep_alive<1, 2>(),
           py::keep_alive<1, 3>(), py::keep_alive<1, 4>(), py::keep_alive<1, 5>(),
           py::keep_alive<1, 6>(), py::keep_alive<1, 7>(), py::keep_alive<1, 8>(),
           py::keep_alive<1, 9>())
      .def_readwrite("current_is_given", &nmcx::Electrode::current_is_given)
      .def_readwrite("current", &nmcx::Electrode::current)
      .def_readwrite("potential", &nmcx::Electrode::potential);

  py::class_<nmcx::ElectrodeResult>(m, "ElectrodeResult")
      .def_readonly("concentration", &nmcx::ElectrodeResult::concentration)
      .def_readonly("flux", &nmcx::ElectrodeResult::flux)
      .def_readonly("potential", &nmcx::ElectrodeResult::potential)
      .def_readonly("current", &nmcx::ElectrodeResult::current)
      .def_readonly("inflow", &nmcx::ElectrodeResult::inflow)
      .def_readonly("iterations", &nmcx::ElectrodeResult::iterations)
      .def_readonly("newton", &nmcx::ElectrodeResult::newton);
  m.def(
      "electrode_potential",
      [](const nmcx::Electrode& electrode, const nmcx::ArrayView<double, 1>& concentration) {
        return nmcx::electrode_potential(electrode, concentration, nmcx::bindings::signals_pending);
      },
      "electrode"_a, "concentration"_a.noconvert(), ReleaseGil());
}

void bind_stepping(py::module_& m) {
  using nmcx::Transport;
  using nmcx::bindings::ReleaseGil;

  py::enum_<nmcx::SolverKind>(m, "SolverKind")
      .value("automatic", nmcx::SolverKind::automatic)
      .value("iterative", nmcx::SolverKind::iterative)
      .value("direct", nmcx::SolverKind::direct);

  py::class_<nmcx::SolverExperience>(m, "SolverExperience")
      .def(py::init([](double last_iterations, double n_solution, int n_unasked) {
             return nmcx::SolverExperience{last_iterations, n_solution, n_unasked};
           }),
           "last_iterations"_a, "n_solution"_a, "n_unasked"_a)
      .def_readonly("last_iterations", &nmcx::SolverExperience::last_iterations)
      .def_readonly("n_solution", &nmcx::SolverExperience::n_solution)
      .def_readonly("n_unasked", &nmcx::SolverExperience::n_unasked);

  py::class_<nmcx::StepResult>(m, "StepResult")
      .def_readonly("concentration", &nmcx::StepResult::concentration)
      .def_readonly("reaction", &nmcx::StepResult::reaction)
      .def_readonly("inflow", &nmcx::StepResult::inflow)
      .def_readonly("iterations", &nmcx::StepResult::iterations)
      .def_readonly("residual", &nmcx::StepResult::residual);

  py::class_<Transport>(m, "Transport")
      .def(py::init([](const nmcx::ArrayView<double, 2>& points, const Rows& cells,
                       const nmcx::ArrayView<std::int64_t, 1>& grain, const Rows& interfaces,
                       const Rows& surface, const nmcx::ArrayView<double, 3>& diffusivity,
                       const Doubles& conductance, const Doubles& along, bool lumped,
                       nmcx::SolverKind solver, const nmcx::Execution& threads) {
             return nmcx::bindings::without_gil([&] {
               return std::make_unique<Transport>(
                   nmcx::TransportMesh{points, cells, grain, interfaces, surface},
                   nmcx::TransportProperties{diffusivity, conductance, along}, lumped, solver,
                   threads);
             });
           }),
           "points"_a.noconvert(), "cells"_a.noconvert(), "grain"_a.noconvert(),
           "interfaces"_a.noconvert(), "surface"_a.noconvert(), "diffusivity"_a.noconvert(),
           "conductance"_a.noconvert(), "along"_a.noconvert(), "lumped"_a, "solver"_a,
           "threads"_a = 0)
      .def_property_readonly("size", &Transport::size)
      .def_property_readonly("n_entry", &Transport::n_entry)
      .def_property_readonly("mass", &Transport::mass, py::return_value_policy::reference_internal)
      .def_property_readonly("surface_area", &Transport::surface_area,
                             py::return_value_policy::reference_internal)
      .def("forget_system", &Transport::forget_system)
      .def(
          "use",
          [](Transport& self, py::object solver) {
            self.use(std::make_shared<PythonSolver>(std::move(solver)));
          },
          "solver"_a)
      .def_property("experience", &Transport::experience, &Transport::set_experience)
      .def("unknown_of_node", &Transport::unknown_of_node)
      .def("surface_unknowns", &Transport::surface_unknowns)
      .def(
          "assemble",
          [](Transport& self, const nmcx::ArrayView<double, 3>& diffusivity,
             const Doubles& conductance, const Doubles& along, const nmcx::Execution& threads) {
            self.assemble({diffusivity, conductance, along}, threads);
          },
          "diffusivity"_a.noconvert(), "conductance"_a.noconvert(), "along"_a.noconvert(),
          "threads"_a = 0, ReleaseGil())
      .def(
          "step",
          [](Transport& self, double rate, const Doubles& history, const Doubles& load,
             const Doubles& exchange, const Doubles& fixed, const Doubles& guess, double tolerance,
             std::size_t max_iterations, const nmcx::Execution& threads) {
            return self.step({rate, history, load, exchange, fixed, guess},
                             {tolerance, max_iterations}, threads);
          },
          "rate"_a, "history"_a.noconvert(), "load"_a.noconvert(), "exchange"_a.noconvert(),
          "fixed"_a.noconvert(), "guess"_a.noconvert(), "tolerance"_a = 1e-10,
          "max_iterations"_a = 5000, "threads"_a = 0, ReleaseGil())
      .def(
          "electrode_step",
          [](Transport& self, double rate, const Doubles& history, const Doubles& load,
             const Doubles& exchange, const Doubles& fixed, const Doubles& guess,
             const nmcx::Electrode& electrode, double tolerance, std::size_t max_iterations,
             const nmcx::Execution& threads) {
            return self.electrode_step({rate, history, load, exchange, fixed, guess}, electrode,
                                       {tolerance, max_iterations}, threads);
          },
          "rate"_a, "history"_a.noconvert(), "load"_a.noconvert(), "exchange"_a.noconvert(),
          "fixed"_a.noconvert(), "guess"_a.noconvert(), "electrode"_a, "tolerance"_a = 1e-10,
          "max_iterations"_a = 5000, "threads"_a = 0, ReleaseGil())
      .def(
          "drive_by_stress",
          [](Transport& self, const Doubles& concentration, const Doubles& mobility,
             const Doubles& relief, const nmcx::ArrayView<double, 2>& pull,
             double max_concentration, const nmcx::Execution& threads) {
            return self.drive_by_stress({concentration, mobility, relief, pull, max_concentration},
                                        threads);
          },
          "concentration"_a.noconvert(), "mobility"_a.noconvert(), "relief"_a.noconvert(),
          "pull"_a.noconvert(), "max_concentration"_a, "threads"_a = 0, ReleaseGil())
      .def("outflow", &Transport::outflow, "concentration"_a.noconvert(), "threads"_a = 0,
           ReleaseGil());
}

}  // namespace

void bind_transport(py::module_& m) {
  bind_electrode(m);
  bind_stepping(m);
}
