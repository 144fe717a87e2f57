#include "bind.hpp"
#include "nmcx/xanes/edge_fit.hpp"
#include "nmcx/xanes/normalise.hpp"

using namespace nmcx::xanes;
using nmcx::Execution;
using nmcx::bindings::ReleaseGil;

template <class T>
using FitEdges = EdgeMap(nmcx::ArrayView<double, 1>, nmcx::ArrayView<T, 2>, nmcx::ArrayView<T, 2>,
                         bool, const std::vector<std::size_t>&, const EdgeModel&, const Execution&);

void bind_xanes(py::module_& m) {
  using namespace py::literals;
  py::class_<EdgeModel>(m, "EdgeModel")
      .def(py::init<std::array<double, 2>, std::array<double, 2>, int, int, double, double>(),
           "pre_edge"_a, "post_edge"_a, "pre_degree"_a, "post_degree"_a, "level"_a = 0.5,
           "peak_half_width_ev"_a = 2.0);
  py::class_<EdgeMap>(m, "EdgeMap")
      .def_readonly("edge_energy_ev", &EdgeMap::edge_energy_ev)
      .def_readonly("edge_energy_std_ev", &EdgeMap::edge_energy_std_ev)
      .def_readonly("white_line_ev", &EdgeMap::white_line_ev)
      .def_readonly("white_line_std_ev", &EdgeMap::white_line_std_ev)
      .def_readonly("white_line_height", &EdgeMap::white_line_height)
      .def_readonly("edge_jump", &EdgeMap::edge_jump)
      .def_readonly("noise", &EdgeMap::noise)
      .def_readonly("status", &EdgeMap::status);
  py::class_<Normalised>(m, "Normalised")
      .def_readonly("norm", &Normalised::norm)
      .def_readonly("flat", &Normalised::flat)
      .def_readonly("edge_jump", &Normalised::edge_jump);

  m.def("fit_edges", static_cast<FitEdges<float>*>(&fit_edges), "energy_ev"_a.noconvert(),
        "mu"_a.noconvert(), "variance"_a.noconvert(), "voxel_major"_a, "volume"_a, "model"_a,
        "threads"_a, ReleaseGil());
  m.def("fit_edges", static_cast<FitEdges<double>*>(&fit_edges), "energy_ev"_a.noconvert(),
        "mu"_a.noconvert(), "variance"_a.noconvert(), "voxel_major"_a, "volume"_a, "model"_a,
        "threads"_a, ReleaseGil());
  m.def("normalise", &normalise, "energy_ev"_a.noconvert(), "mu"_a.noconvert(), "model"_a,
        "edge_ev"_a, "threads"_a, ReleaseGil());
}
