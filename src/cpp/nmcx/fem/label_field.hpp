// The labels of an image as smooth fields: what share of the voxels about a point has which label.
#pragma once

#include <Eigen/Core>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "nmcx/core/views.hpp"
#include "nmcx/fem/grain_complex.hpp"

namespace nmcx {

/// Share of a label at a point and its slope. Shares of all labels add up to one.
template <int D>
struct LabelShare {
  std::int32_t label = 0;
  double share = 0;
  Point<D> slope = Point<D>::Zero();
};

/// Shares of the labels about any point, weighted by a Gaussian that is cut at three standard
/// deviations, where it is lowered to zero so that shares are continuous. No field is ever stored:
/// each call looks at the few hundred voxels about its point.
///
/// Label 0 is void; so is everything beyond the image. The centre of voxel (0, 0, 0) is the origin,
/// and points have their coordinates in the order of the image's axes.
template <int D>
class LabelField {
 public:
  /// @param labels    (n0, n1, n2) of labels from 0; with two dimensions n0 = 1
  /// @param spacing   (D,) of the voxels along the last D axes
  /// @param smoothing standard deviation in voxels, along each axis; at least 1/4
  LabelField(const ArrayView<std::int32_t, 3>& labels, const ArrayView<double, 1>& spacing,
             double smoothing);

  /// Labels that have a share at `p`, in no order; void is always the first.
  void shares(const Point<D>& p, std::vector<LabelShare<D>>& found) const;

  [[nodiscard]] const Point<D>& spacing() const { return spacing_; }

 private:
  /// Weights along one axis: of the voxels of the image from `first` on, and of all.
  struct Window {
    std::size_t first = 0;
    std::vector<double> weight;
    std::vector<double> slope;
    double total = 0;
    double total_slope = 0;
  };

  void open(Window& window, std::size_t axis, double position) const;

  ArrayView<std::int32_t, 3> labels_;
  Point<D> spacing_;
  double smoothing_;
};

extern template class LabelField<2>;
extern template class LabelField<3>;

/// The label at a point: void where void has half of all, else the grain of the largest share.
/// Grains that meet at the outer surface so leave no groove in it.
template <int D>
std::int32_t winner(const std::vector<LabelShare<D>>& shares) {
  if (shares.front().share >= 0.5) return 0;
  std::size_t best = 1;
  for (std::size_t i = 2; i < shares.size(); ++i) {
    if (shares[i].share > shares[best].share) best = i;
  }
  return shares[best].label;
}

/// What vanishes where given labels meet: void's share less one half, and differences between the
/// shares of grains. One row per label but the first.
template <int D>
struct MeetingPoint {
  std::vector<double> value;
  std::vector<Point<D>> slope;
};

/// @param labels ascending
template <int D, class Labels>
void meeting_point(const std::vector<LabelShare<D>>& shares, const Labels& labels,
                   MeetingPoint<D>& meeting) {
  meeting.value.clear();
  meeting.slope.clear();
  const auto of = [&](std::int32_t label) {
    for (const auto& share : shares) {
      if (share.label == label) return share;
    }
    return LabelShare<D>{.label = label};
  };
  std::size_t next = 0;
  if (labels[0] == 0) {
    meeting.value.push_back(shares.front().share - 0.5);
    meeting.slope.push_back(shares.front().slope);
    next = 1;
  }
  const auto first = of(labels[next]);
  for (std::size_t i = next + 1; i < labels.size(); ++i) {
    const auto other = of(labels[i]);
    meeting.value.push_back(first.share - other.share);
    meeting.slope.push_back(first.slope - other.slope);
  }
}

}  // namespace nmcx
