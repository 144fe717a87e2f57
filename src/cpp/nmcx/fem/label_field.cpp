#include "nmcx/fem/label_field.hpp"

#include <cmath>
#include <cstdint>
#include <utility>

#include "nmcx/core/error.hpp"

namespace nmcx {
namespace {

/// Where the Gaussian is cut, in standard deviations.
constexpr double reach = 3.0;
/// Beyond this the voxels about a point could no longer be counted.
constexpr double widest = 1e4;
/// Below a sixth the window midway between voxels would hold none.
constexpr double narrowest = 0.25;

}  // namespace

template <int D>
LabelField<D>::LabelField(const ArrayView<std::int32_t, 3>& labels,
                          const ArrayView<double, 1>& spacing, double smoothing)
    : labels_(labels), smoothing_(smoothing) {
  require(spacing.size() == D, "spacing must have one number per axis of the image");
  require(labels.size() > 0, "labels is empty");
  require(D == 3 || labels.shape[0] == 1, "labels of an image in the plane have one layer");
  require(smoothing >= narrowest && smoothing <= widest,
          "smoothing must be at least a quarter of a voxel, and at most 10000 voxels");
  for (std::size_t axis = 0; std::cmp_less(axis, D); ++axis) {
    require(spacing[axis] > 0 && std::isfinite(spacing[axis]), "spacing must be positive");
    spacing_[static_cast<Eigen::Index>(axis)] = spacing[axis];
  }
}

template <int D>
void LabelField<D>::open(Window& window, std::size_t axis, double position) const {
  static const double at_cut = std::exp(-0.5 * reach * reach);
  const double scale = 1.0 / (smoothing_ * smoothing_);
  const auto n = static_cast<std::int64_t>(labels_.shape[axis]);
  const auto lowest = static_cast<std::int64_t>(std::ceil(position - (reach * smoothing_)));
  const auto highest = static_cast<std::int64_t>(std::floor(position + (reach * smoothing_)));
  window.weight.clear();
  window.slope.clear();
  window.total = 0;
  window.total_slope = 0;
  window.first = 0;
  for (std::int64_t i = lowest; i <= highest; ++i) {
    const double away = static_cast<double>(i) - position;
    const double gauss = std::exp(-0.5 * away * away * scale);
    const double weight = gauss - at_cut;
    const double slope = gauss * away * scale;
    window.total += weight;
    window.total_slope += slope;
    if (i < 0 || i >= n) continue;
    if (window.weight.empty()) window.first = static_cast<std::size_t>(i);
    window.weight.push_back(weight);
    window.slope.push_back(slope);
  }
}

template <int D>
void LabelField<D>::shares(const Point<D>& p, std::vector<LabelShare<D>>& found) const {
  constexpr std::size_t shift = 3 - D;
  thread_local std::array<Window, 3> window;
  if constexpr (D == 2) window[0] = {.first = 0, .weight = {1}, .slope = {0}, .total = 1};
  for (std::size_t axis = 0; std::cmp_less(axis, D); ++axis) {
    const auto k = static_cast<Eigen::Index>(axis);
    open(window[axis + shift], axis + shift, p[k] / spacing_[k]);
  }
  const auto& [slow, middle, fast] = window;
  found.clear();
  found.emplace_back();
  std::size_t current = 0;
  for (std::size_t i = 0; i < slow.weight.size(); ++i) {
    for (std::size_t j = 0; j < middle.weight.size(); ++j) {
      const std::int32_t* row = &labels_(slow.first + i, middle.first + j, fast.first);
      for (std::size_t k = 0; k < fast.weight.size();) {
        const std::int32_t label = row[k];
        double weight = 0;
        double slope = 0;
        for (; k < fast.weight.size() && row[k] == label; ++k) {
          weight += fast.weight[k];
          slope += fast.slope[k];
        }
        // Void gets what the grains leave, so that what lies beyond the image counts as void.
        if (label == 0) continue;
        if (found[current].label != label) {
          current = 1;
          while (current < found.size() && found[current].label != label) ++current;
          if (current == found.size()) found.push_back({.label = label});
        }
        LabelShare<D>& own = found[current];
        const double across = slow.weight[i] * middle.weight[j];
        own.share += across * weight;
        own.slope[D - 1] += across * slope;
        own.slope[D - 2] += slow.weight[i] * middle.slope[j] * weight;
        if constexpr (D == 3) own.slope[0] += slow.slope[i] * middle.weight[j] * weight;
      }
    }
  }
  const double total = slow.total * middle.total * fast.total;
  Point<D> relative;  // slope of the total, over the total
  for (std::size_t axis = 0; std::cmp_less(axis, D); ++axis) {
    const Window& along = window[axis + shift];
    relative[static_cast<Eigen::Index>(axis)] = along.total_slope / along.total;
  }
  LabelShare<D>& empty = found.front();
  empty.share = 1.0;
  for (std::size_t i = 1; i < found.size(); ++i) {
    LabelShare<D>& own = found[i];
    own.share /= total;
    own.slope = ((own.slope / total) - (own.share * relative)).cwiseQuotient(spacing_);
    empty.share -= own.share;
    empty.slope -= own.slope;
  }
}

template class LabelField<2>;
template class LabelField<3>;

}  // namespace nmcx
