#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <numbers>
#include <vector>

#include "label_images.hpp"
#include "nmcx/fem/label_field.hpp"

namespace {

using labelled::check_refused;
using labelled::Image;
using labelled::painted;
using nmcx::LabelField;
using nmcx::LabelShare;
using nmcx::Point;

template <int D>
std::map<std::int32_t, LabelShare<D>> shares_at(const Image& image, double smoothing,
                                                const Point<D>& p) {
  std::vector<LabelShare<D>> found;
  LabelField<D>(image.view(), image.steps(), smoothing).shares(p, found);
  BOOST_TEST(found.front().label == 0);
  std::map<std::int32_t, LabelShare<D>> by_label;
  for (const auto& own : found) BOOST_TEST(by_label.emplace(own.label, own).second);
  return by_label;
}

/// A Gaussian cut at three deviations, where it is lowered to zero.
double lowered_gauss(double away, double smoothing) {
  const double t = away / smoothing;
  return std::abs(t) < 3.0 ? std::exp(-0.5 * t * t) - std::exp(-4.5) : 0.0;
}

/// Share of each label, summed over all voxels in reach one by one; beyond the image all is void.
template <int D>
std::map<std::int32_t, double> shares_of_every_voxel(const Image& image, double smoothing,
                                                     const Point<D>& p) {
  std::array<double, 3> at{};  // in voxels
  for (std::size_t k = 0; k < D; ++k)
    at[k + 3 - D] = p[static_cast<Eigen::Index>(k)] / image.spacing[k];
  const int far = 12;  // voxels beyond the image that no point of these tests reaches
  const auto n = [&](std::size_t axis) { return static_cast<int>(image.shape[axis]); };
  const auto inside = [&](int i, std::size_t axis) { return i >= 0 && i < n(axis); };
  std::map<std::int32_t, double> found;
  double total = 0;
  for (int i = D == 3 ? -far : 0; i < (D == 3 ? n(0) + far : 1); ++i) {
    for (int j = -far; j < n(1) + far; ++j) {
      for (int k = -far; k < n(2) + far; ++k) {
        double weight = lowered_gauss(j - at[1], smoothing) * lowered_gauss(k - at[2], smoothing);
        if (D == 3) weight *= lowered_gauss(i - at[0], smoothing);
        const bool is_there = inside(i, 0) && inside(j, 1) && inside(k, 2);
        const auto label =
            is_there ? image.view()(static_cast<std::size_t>(i), static_cast<std::size_t>(j),
                                    static_cast<std::size_t>(k))
                     : 0;
        found[label] += weight;
        total += weight;
      }
    }
  }
  for (auto& [label, share] : found) share /= total;
  return found;
}

/// Labels 0 to 3 at random on an uneven grid.
Image noise(std::size_t dimension, labelled::Uniform& random) {
  std::vector<double> spacing;
  for (std::size_t k = 0; k < dimension; ++k) spacing.push_back(random(0.5, 2.0));
  return painted({dimension == 3 ? 4U : 1U, 5, 6}, spacing,
                 [&](const auto&) { return random.label(3); });
}

template <int D>
Point<D> point_near(const Image& image, labelled::Uniform& random) {
  Point<D> p;
  for (std::size_t k = 0; k < D; ++k) {
    const auto n = static_cast<double>(image.shape[k + 3 - D]);
    p[static_cast<Eigen::Index>(k)] = image.spacing[k] * random(-2.0, n + 1.0);
  }
  return p;
}

template <int D>
void check_against_every_voxel(unsigned seed) {
  labelled::Uniform random(seed);
  const Image image = noise(D, random);
  const double smoothing = random(0.6, 2.0);
  const Point<D> p = point_near<D>(image, random);
  const auto found = shares_at<D>(image, smoothing, p);
  const double h = 1e-5;
  for (const auto& [label, share] : shares_of_every_voxel<D>(image, smoothing, p)) {
    const auto own = found.contains(label) ? found.at(label) : LabelShare<D>{.label = label};
    BOOST_TEST(std::abs(own.share - share) < 1e-13);  // sums of hundreds of numbers below one
    for (Eigen::Index k = 0; k < D; ++k) {
      const Point<D> step = h * Point<D>::Unit(k);
      const double rise = shares_of_every_voxel<D>(image, smoothing, Point<D>(p + step))[label] -
                          shares_of_every_voxel<D>(image, smoothing, Point<D>(p - step))[label];
      // Third derivatives of order ten times h², and rounding over h.
      BOOST_TEST(std::abs(own.slope[k] - (rise / (2 * h))) < 1e-8);
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(label_field)

BOOST_AUTO_TEST_CASE(shares_and_slopes_are_those_of_all_voxels_one_by_one) {
  for (unsigned seed = 1; seed <= 12; ++seed) {
    check_against_every_voxel<2>(seed);
    check_against_every_voxel<3>(seed);
  }
}

BOOST_AUTO_TEST_CASE(across_a_flat_wall_shares_follow_the_integral_of_the_weights) {
  const double smoothing = 12.0;
  const double step = 0.25;
  const double wall = 63.5 * step;
  const Image image =
      painted({1, 128, 128}, {step, step}, [&](const auto& p) { return p[2] < wall ? 1 : 2; });
  const double root = std::sqrt(0.5 * std::numbers::pi);
  const double cut = std::exp(-4.5);
  const auto integral = [&](double t) { return (root * std::erf(t / std::sqrt(2.0))) - (cut * t); };
  for (const double t : {-2.0, -0.7, 0.0, 0.4, 1.5}) {
    const Point<2> p(60.0 * step, wall + (t * smoothing * step));
    const auto found = shares_at<2>(image, smoothing, p);
    const double expected = 0.5 + (integral(t) / (2.0 * integral(3.0)));
    const double slope = (std::exp(-0.5 * t * t) - cut) / (2.0 * integral(3.0) * smoothing * step);
    // The midpoint rule, whose error is of the order of 1 / (24 smoothing²) of the whole.
    BOOST_TEST(std::abs(found.at(2).share - expected) < 2e-4);
    BOOST_TEST(std::abs(found.at(2).slope[1] - slope) < 2e-4);
    BOOST_TEST(std::abs(found.at(2).slope[0]) < 1e-14);  // along the wall nothing changes
  }
  BOOST_TEST(shares_at<2>(image, smoothing, Point<2>(60.0 * step, wall)).at(1).share == 0.5,
             boost::test_tools::tolerance(1e-13));
}

BOOST_AUTO_TEST_CASE(an_image_that_repeats_in_depth_is_the_same_as_its_section) {
  labelled::Uniform random(1);
  const Image section = noise(2, random);
  Image deep = section;
  deep.shape[0] = 13;  // more than three deviations of smoothing on both sides of the middle
  deep.spacing.insert(deep.spacing.begin(), 0.7);
  for (int i = 1; i < 13; ++i)
    deep.voxels.insert(deep.voxels.end(), section.voxels.begin(), section.voxels.end());
  for (int trial = 0; trial < 10; ++trial) {
    const Point<2> p = point_near<2>(section, random);
    const auto flat = shares_at<2>(section, 1.5, p);
    const auto found = shares_at<3>(deep, 1.5, {6.3 * 0.7, p[0], p[1]});
    BOOST_TEST(flat.size() == found.size());
    for (const auto& [label, own] : flat) {
      BOOST_TEST(std::abs(found.at(label).share - own.share) < 1e-14);
      BOOST_TEST((found.at(label).slope.tail<2>() - own.slope).norm() < 1e-13);
      BOOST_TEST(std::abs(found.at(label).slope[0]) < 1e-13);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_unit_of_length_matters_to_slopes_alone) {
  labelled::Uniform random(1);
  const Image image = noise(3, random);
  Image larger = image;
  for (double& step : larger.spacing) step *= 3.0;
  const Point<3> p = point_near<3>(image, random);
  const auto found = shares_at<3>(larger, 1.2, 3.0 * p);
  for (const auto& [label, own] : shares_at<3>(image, 1.2, p)) {
    BOOST_TEST(std::abs(found.at(label).share - own.share) < 1e-13);
    BOOST_TEST((3.0 * found.at(label).slope - own.slope).norm() < 1e-12);
  }
}

BOOST_AUTO_TEST_CASE(axes_can_be_exchanged_and_labels_renamed) {
  labelled::Uniform random(1);
  const Image image = noise(3, random);
  const auto [n0, n1, n2] = image.shape;
  Image turned{.shape = {n2, n0, n1},
               .spacing = {image.spacing[2], image.spacing[0], image.spacing[1]},
               .voxels = std::vector<std::int32_t>(n0 * n1 * n2)};
  const std::array<std::int32_t, 4> name{0, 7, 5, 2000000000};
  for (std::size_t i = 0; i < n0; ++i) {
    for (std::size_t j = 0; j < n1; ++j) {
      for (std::size_t k = 0; k < n2; ++k) {
        const auto label = static_cast<std::size_t>(image.view()(i, j, k));
        turned.voxels[(((k * n0) + i) * n1) + j] = name[label];
      }
    }
  }
  const auto turn = [](const Point<3>& p) { return Point<3>(p[2], p[0], p[1]); };
  for (int trial = 0; trial < 10; ++trial) {
    const Point<3> p = point_near<3>(image, random);
    const auto found = shares_at<3>(turned, 0.9, turn(p));
    for (const auto& [label, own] : shares_at<3>(image, 0.9, p)) {
      const auto& other = found.at(name[static_cast<std::size_t>(label)]);
      BOOST_TEST(std::abs(other.share - own.share) < 1e-13);
      BOOST_TEST((other.slope - turn(own.slope)).norm() < 1e-12);
    }
  }
}

BOOST_AUTO_TEST_CASE(far_from_the_image_all_is_void) {
  const Image image = painted({1, 4, 4}, {1.0, 1.0}, [](const auto&) { return 3; });
  const auto found = shares_at<2>(image, 1.0, {-3.5, 100.0});
  BOOST_TEST(found.size() == 1U);
  BOOST_TEST(found.at(0).share == 1.0);
  BOOST_TEST(found.at(0).slope.norm() == 0.0);
}

BOOST_AUTO_TEST_CASE(void_wins_with_half_of_all_and_else_the_largest_grain) {
  const auto of = [](double empty, double one, double two) {
    return std::vector<LabelShare<2>>{
        {.label = 0, .share = empty}, {.label = 4, .share = one}, {.label = 9, .share = two}};
  };
  BOOST_TEST(nmcx::winner<2>(of(0.5, 0.3, 0.2)) == 0);
  BOOST_TEST(nmcx::winner<2>(of(0.49, 0.21, 0.3)) == 9);  // though void has more than each grain
  BOOST_TEST(nmcx::winner<2>(of(0.49, 0.31, 0.2)) == 4);
  BOOST_TEST(nmcx::winner<2>(of(0.0, 0.5, 0.5)) == 4);
}

BOOST_AUTO_TEST_CASE(labels_meet_where_void_has_half_and_grains_have_the_same_share) {
  const std::vector<LabelShare<2>> shares{{.label = 0, .share = 0.4, .slope = {1.0, 0.0}},
                                          {.label = 5, .share = 0.35, .slope = {-3.0, 1.0}},
                                          {.label = 2, .share = 0.25, .slope = {2.0, -1.0}}};
  nmcx::MeetingPoint<2> meeting;
  const auto check = [&](const std::vector<std::int32_t>& labels, const std::vector<double>& value,
                         const std::vector<Point<2>>& slope) {
    nmcx::meeting_point<2>(shares, labels, meeting);
    BOOST_REQUIRE(meeting.value.size() == value.size());
    for (std::size_t row = 0; row < value.size(); ++row) {
      BOOST_TEST(std::abs(meeting.value[row] - value[row]) < 1e-15);
      BOOST_TEST((meeting.slope[row] - slope[row]).norm() < 1e-15);
    }
  };
  check({2, 5}, {-0.1}, {Point<2>(5.0, -2.0)});
  check({0, 2}, {-0.1}, {Point<2>(1.0, 0.0)});
  check({0, 2, 5}, {-0.1, -0.1}, {Point<2>(1.0, 0.0), Point<2>(5.0, -2.0)});
  // A label that is nowhere near has no share.
  check({2, 5, 8}, {-0.1, 0.25}, {Point<2>(5.0, -2.0), Point<2>(2.0, -1.0)});
}

BOOST_AUTO_TEST_CASE(numbers_that_make_no_field_are_refused) {
  const Image image = painted({1, 3, 3}, {1.0, 1.0}, [](const auto&) { return 1; });
  const auto field = [](const Image& of, double smoothing) {
    return LabelField<2>(of.view(), of.steps(), smoothing);
  };
  const double infinite = std::numeric_limits<double>::infinity();
  for (const double wrong : {0.0, -1.0, 0.24, std::nan(""), 10001.0, infinite})
    check_refused([&] { field(image, wrong); },
                  "smoothing must be at least a quarter of a voxel, and at most 10000");
  for (const double wrong : {0.0, -1.0, std::nan(""), infinite}) {
    Image bad = image;
    bad.spacing[1] = wrong;
    check_refused([&] { field(bad, 1.0); }, "spacing must be positive");
  }
  Image deep = image;
  deep.spacing.push_back(1.0);
  check_refused([&] { field(deep, 1.0); }, "spacing must have one number per axis");
  Image empty = image;
  empty.shape[2] = 0;
  check_refused([&] { field(empty, 1.0); }, "labels is empty");
  Image layers = image;
  layers.shape = {3, 3, 1};
  check_refused([&] { field(layers, 1.0); }, "labels of an image in the plane have one layer");
  BOOST_TEST((field(image, 1.0).spacing() == Point<2>(1.0, 1.0)));
}

BOOST_AUTO_TEST_SUITE_END()
