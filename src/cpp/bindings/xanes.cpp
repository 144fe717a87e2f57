#include <algorithm>
#include <utility>

#include "bind.hpp"
#include "nmcx/xanes/edge_fit.hpp"
#include "nmcx/xanes/edge_fit_quality.hpp"
#include "nmcx/xanes/normalise.hpp"
#include "nmcx/xanes/reference_fit.hpp"

using namespace nmcx::xanes;
using nmcx::Execution;
using nmcx::bindings::ReleaseGil;

template <class T>
using FitEdges = EdgeMap(nmcx::ArrayView<double, 1>, nmcx::ArrayView<T, 2>, nmcx::ArrayView<T, 2>,
                         bool, const std::vector<std::size_t>&, const EdgeModel&,
                         const EstimatorModel&, const Execution&);
template <class T>
using MeasureEdges = MeasuredEdges(nmcx::ArrayView<double, 1>, nmcx::ArrayView<T, 2>,
                                   nmcx::ArrayView<T, 2>, bool, const EdgeModel&,
                                   const EstimatorModel&, const Execution&);
template <class T>
using FitReferences = ReferenceMap(nmcx::ArrayView<double, 1>, nmcx::ArrayView<T, 2>,
                                   nmcx::ArrayView<T, 2>, bool, const ReferenceModel&,
                                   const Execution&);

namespace {

template <class T>
nmcx::Array<T, 1> copied(nmcx::ArrayView<T, 1> source) {
  nmcx::Array<T, 1> out(source.shape);
  std::copy(source.begin(), source.end(), out.data());
  return out;
}

/// `judge` for parts of a map that were written to disk in between.
EdgeMap judge_copy(nmcx::ArrayView<double, 1> edge_energy_ev,
                   nmcx::ArrayView<float, 1> edge_energy_std_ev,
                   nmcx::ArrayView<double, 1> white_line_ev,
                   nmcx::ArrayView<float, 1> white_line_std_ev,
                   nmcx::ArrayView<float, 1> white_line_height, nmcx::ArrayView<float, 1> edge_jump,
                   nmcx::ArrayView<float, 1> noise, nmcx::ArrayView<std::uint16_t, 1> status,
                   nmcx::ArrayView<float, 1> residual, bool noise_given,
                   const EdgeThresholds& thresholds, const std::vector<std::size_t>& volume,
                   const Execution& execution) {
  const std::size_t n = status.size();
  for (const std::size_t size :
       {edge_energy_ev.size(), edge_energy_std_ev.size(), white_line_ev.size(),
        white_line_std_ev.size(), white_line_height.size(), edge_jump.size(), noise.size(),
        residual.size()}) {
    nmcx::require(size == n, "all parts of a map must have one value per voxel");
  }
  MeasuredEdges measured{{copied(edge_energy_ev), copied(edge_energy_std_ev), copied(white_line_ev),
                          copied(white_line_std_ev), copied(white_line_height), copied(edge_jump),
                          copied(noise), copied(status)},
                         copied(residual),
                         noise_given};
  return judge(std::move(measured), thresholds, volume, execution);
}

void bind_references(py::module_& m) {
  using namespace py::literals;
  using Spectra = std::vector<std::vector<double>>;
  py::class_<ReferenceModel>(m, "ReferenceModel")
      .def(py::init<EdgeModel, Spectra, Spectra, std::array<double, 2>, std::array<double, 2>,
                    bool>(),
           "edge"_a, "reference_ev"_a, "reference_mu"_a, "window"_a, "shift"_a, "sum_to_one"_a);
  py::class_<ReferenceMap>(m, "ReferenceMap")
      .def_readonly("fraction", &ReferenceMap::fraction)
      .def_readonly("fraction_std", &ReferenceMap::fraction_std)
      .def_readonly("residual", &ReferenceMap::residual)
      .def_readonly("energy_shift", &ReferenceMap::energy_shift)
      .def_readonly("energy_shift_std", &ReferenceMap::energy_shift_std)
      .def_readonly("edge_jump", &ReferenceMap::edge_jump)
      .def_readonly("status", &ReferenceMap::status);
  m.def("fit_references", static_cast<FitReferences<float>*>(&fit_references),
        "energy_ev"_a.noconvert(), "mu"_a.noconvert(), "variance"_a.noconvert(), "voxel_major"_a,
        "model"_a, "threads"_a, ReleaseGil());
  m.def("fit_references", static_cast<FitReferences<double>*>(&fit_references),
        "energy_ev"_a.noconvert(), "mu"_a.noconvert(), "variance"_a.noconvert(), "voxel_major"_a,
        "model"_a, "threads"_a, ReleaseGil());
}

}  // namespace

void bind_xanes(py::module_& m) {
  using namespace py::literals;
  py::class_<EstimatorModel>(m, "EstimatorModel")
      .def(py::init<std::string, std::vector<double>, std::vector<double>>(),
           "name"_a = "half_jump", "template_ev"_a = std::vector<double>{},
           "template_mu"_a = std::vector<double>{});
  py::class_<EdgeThresholds>(m, "EdgeThresholds")
      .def(py::init<float, float>(), "least_jump"_a, "largest_residual"_a)
      .def_readonly("least_jump", &EdgeThresholds::least_jump)
      .def_readonly("largest_residual", &EdgeThresholds::largest_residual);
  py::class_<EdgeModel>(m, "EdgeModel")
      .def(py::init<std::array<double, 2>, std::array<double, 2>, int, int, double, double,
                    std::vector<double>>(),
           "pre_edge"_a, "post_edge"_a, "pre_degree"_a, "post_degree"_a, "level"_a = 0.5,
           "peak_half_width_ev"_a = 2.0, "shape_mu"_a = std::vector<double>{});
  py::class_<EdgeMap>(m, "EdgeMap")
      .def_readonly("edge_energy_ev", &EdgeMap::edge_energy_ev)
      .def_readonly("edge_energy_std_ev", &EdgeMap::edge_energy_std_ev)
      .def_readonly("white_line_ev", &EdgeMap::white_line_ev)
      .def_readonly("white_line_std_ev", &EdgeMap::white_line_std_ev)
      .def_readonly("white_line_height", &EdgeMap::white_line_height)
      .def_readonly("edge_jump", &EdgeMap::edge_jump)
      .def_readonly("noise", &EdgeMap::noise)
      .def_readonly("status", &EdgeMap::status);
  py::class_<MeasuredEdges>(m, "MeasuredEdges")
      .def_readonly("map", &MeasuredEdges::map)
      .def_readonly("residual", &MeasuredEdges::residual)
      .def_readonly("noise_given", &MeasuredEdges::noise_given);
  py::class_<Normalised>(m, "Normalised")
      .def_readonly("norm", &Normalised::norm)
      .def_readonly("flat", &Normalised::flat)
      .def_readonly("edge_jump", &Normalised::edge_jump);

  m.def("fit_edges", static_cast<FitEdges<float>*>(&fit_edges), "energy_ev"_a.noconvert(),
        "mu"_a.noconvert(), "variance"_a.noconvert(), "voxel_major"_a, "volume"_a, "model"_a,
        "estimator"_a, "threads"_a, ReleaseGil());
  m.def("fit_edges", static_cast<FitEdges<double>*>(&fit_edges), "energy_ev"_a.noconvert(),
        "mu"_a.noconvert(), "variance"_a.noconvert(), "voxel_major"_a, "volume"_a, "model"_a,
        "estimator"_a, "threads"_a, ReleaseGil());
  m.def("measure_edges", static_cast<MeasureEdges<float>*>(&measure_edges),
        "energy_ev"_a.noconvert(), "mu"_a.noconvert(), "variance"_a.noconvert(), "voxel_major"_a,
        "model"_a, "estimator"_a, "threads"_a, ReleaseGil());
  m.def("measure_edges", static_cast<MeasureEdges<double>*>(&measure_edges),
        "energy_ev"_a.noconvert(), "mu"_a.noconvert(), "variance"_a.noconvert(), "voxel_major"_a,
        "model"_a, "estimator"_a, "threads"_a, ReleaseGil());
  m.def("threshold_stride", &threshold_stride, "n_voxel"_a);
  m.def("edge_thresholds",
        static_cast<EdgeThresholds (*)(nmcx::ArrayView<float, 1>, nmcx::ArrayView<float, 1>,
                                       nmcx::ArrayView<float, 1>, nmcx::ArrayView<std::uint16_t, 1>,
                                       bool)>(&edge_thresholds),
        "jump"_a.noconvert(), "residual"_a.noconvert(), "noise"_a.noconvert(),
        "status"_a.noconvert(), "noise_given"_a);
  m.def("judge_edges", &judge_copy, "edge_energy_ev"_a.noconvert(),
        "edge_energy_std_ev"_a.noconvert(), "white_line_ev"_a.noconvert(),
        "white_line_std_ev"_a.noconvert(), "white_line_height"_a.noconvert(),
        "edge_jump"_a.noconvert(), "noise"_a.noconvert(), "status"_a.noconvert(),
        "residual"_a.noconvert(), "noise_given"_a, "thresholds"_a, "volume"_a, "threads"_a,
        ReleaseGil());
  m.def("normalise", &normalise, "energy_ev"_a.noconvert(), "mu"_a.noconvert(), "model"_a,
        "edge_ev"_a, "threads"_a, ReleaseGil());
  bind_references(m);
}
