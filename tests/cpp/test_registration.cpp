#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "nmcx/image/coarse_alignment.hpp"
#include "nmcx/image/noise_level.hpp"
#include "nmcx/image/registration.hpp"

namespace image = nmcx::image;
using Image = nmcx::Array<double, 2>;

namespace {

constexpr std::size_t side = 60;

/// Smooth random field: waves with lengths of 8 to 30 pixels.
struct Field {
  std::vector<std::array<double, 4>> waves;
  explicit Field(unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    for (int i = 0; i < 30; ++i) {
      const double k = 0.2 + (0.6 * uniform(random));
      const double angle = 6.283 * uniform(random);
      waves.push_back({k * std::cos(angle), k * std::sin(angle), 6.283 * uniform(random),
                       uniform(random) / 3.0});
    }
  }
  double operator()(double y, double x) const {
    double sum = 0.0;
    for (const auto& w : waves) sum += w[3] * std::cos((w[0] * y) + (w[1] * x) + w[2]);
    return sum;
  }
};

Image picture(const Field& field, double dy, double dx, double gain, double offset, double noise,
              unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0.0, 1.0);
  Image out({side, side});
  for (std::size_t y = 0; y < side; ++y) {
    for (std::size_t x = 0; x < side; ++x) {
      const double value = field(static_cast<double>(y) - dy, static_cast<double>(x) - dx);
      out[(y * side) + x] = offset + (gain * value) + (noise * normal(random));
    }
  }
  return out;
}

const image::RegistrationOptions wide{.max_dy = 26.0, .max_dx = 26.0, .poll = {}};

}  // namespace

BOOST_AUTO_TEST_SUITE(registration)

BOOST_AUTO_TEST_CASE(a_noise_free_shift_is_found_whatever_gain_and_offset) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    const Field field(seed);
    const Image a = picture(field, 0, 0, 1.0, 0.0, 0.0, 1);
    const Image b = picture(field, 2.3, -4.6, 0.4, 17.0, 0.0, 1);
    const image::Registration r = image::register_images(a.view(), b.view(), wide);
    // What is left is the error of cubic splines on 8-pixel waves.
    BOOST_TEST(std::abs(r.warp.dy - 2.3) < 2e-3);
    BOOST_TEST(std::abs(r.warp.dx + 4.6) < 2e-3);
    BOOST_TEST(r.correlation > 0.9999);
  }
}

BOOST_AUTO_TEST_CASE(a_drift_of_a_quarter_of_the_image_in_both_directions_is_found) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    const Field field(seed);
    const double dy = (seed % 2 == 0 ? 1.0 : -1.0) * (15.0 + (0.1 * seed));
    const double dx = (seed % 3 == 0 ? 1.0 : -1.0) * (15.0 - (0.1 * seed));
    const Image a = picture(field, 0, 0, 1.0, 0.0, 0.2, seed);
    const Image b = picture(field, dy, dx, 0.6, 3.0, 0.2, seed + 100);
    const image::Registration r = image::register_images(a.view(), b.view(), wide);
    BOOST_TEST(std::abs(r.warp.dy - dy) < 5.0 * r.std());
    BOOST_TEST(std::abs(r.warp.dx - dx) < 5.0 * r.std());
    BOOST_TEST(r.std() < 0.2);
  }
}

BOOST_AUTO_TEST_CASE(the_pull_of_the_shift_has_unit_width) {
  double square = 0.0;
  int n = 0;
  for (unsigned seed = 1; seed <= 150; ++seed) {
    const Field field(seed);
    const double dy = 0.013 * seed;
    const double dx = -0.029 * seed;
    const Image a = picture(field, 0, 0, 1.0, 0.0, 0.15, seed);
    const Image b = picture(field, dy, dx, 1.0, 0.0, 0.15, seed + 1000);
    const image::Registration r = image::register_images(a.view(), b.view(), wide);
    square += std::pow((r.warp.dy - dy) / r.std(), 2) + std::pow((r.warp.dx - dx) / r.std(), 2);
    n += 2;
  }
  // 300 pulls know their width to 4 %; noise interpolated between pixels may add some more.
  BOOST_TEST(std::abs(std::sqrt(square / n) - 1.0) < 0.15);
}

BOOST_AUTO_TEST_CASE(swapping_the_images_turns_the_shift_round) {
  const Field field(3);
  const Image a = picture(field, 0, 0, 1.0, 0.0, 0.05, 1);
  const Image b = picture(field, 5.4, 7.2, 1.0, 0.0, 0.05, 2);
  const image::Registration there = image::register_images(a.view(), b.view(), wide);
  const image::Registration back = image::register_images(b.view(), a.view(), wide);
  // Which image is interpolated changes the answer by less than its standard error.
  BOOST_TEST(std::abs(there.warp.dy + back.warp.dy) < there.std());
  BOOST_TEST(std::abs(there.warp.dx + back.warp.dx) < there.std());
}

BOOST_AUTO_TEST_CASE(holes_are_ignored) {
  const Field field(4);
  Image a = picture(field, 0, 0, 1.0, 0.0, 0.02, 1);
  Image b = picture(field, -3.5, 6.25, 1.0, 0.0, 0.02, 2);
  for (std::size_t y = 10; y < 30; ++y) {
    for (std::size_t x = 35; x < 50; ++x) {
      a[(y * side) + x] = std::numeric_limits<double>::quiet_NaN();
      b[((y + 15) * side) + x - 30] = std::numeric_limits<double>::infinity();
    }
  }
  const image::Registration r = image::register_images(a.view(), b.view(), wide);
  BOOST_TEST(std::abs(r.warp.dy + 3.5) < 5.0 * r.std());
  BOOST_TEST(std::abs(r.warp.dx - 6.25) < 5.0 * r.std());
}

BOOST_AUTO_TEST_CASE(images_that_do_not_match_are_refused) {
  int refused = 0;
  for (unsigned seed = 1; seed <= 40; ++seed) {
    const Image a = picture(Field(seed), 0, 0, 1.0, 0.0, 0.1, seed);
    const Image b = picture(Field(seed + 500), 0, 0, 1.0, 0.0, 0.1, seed + 500);
    const Image noise = picture(Field(seed), 0, 0, 0.0, 0.0, 1.0, seed + 900);
    try {
      image::register_images(a.view(), b.view(), wide);
    } catch (const nmcx::ConvergenceError&) {
      ++refused;
    }
    BOOST_CHECK_THROW(image::register_images(a.view(), noise.view(), wide), nmcx::ConvergenceError);
  }
  // The threshold lets one in a few hundred unrelated pairs pass.
  BOOST_TEST(refused >= 39);
  const Image blank({side, side}, 7.0);
  BOOST_CHECK_THROW(image::register_images(blank.view(), blank.view(), wide),
                    nmcx::ConvergenceError);
}

BOOST_AUTO_TEST_CASE(stripes_do_not_give_a_shift_along_themselves) {
  Image a({side, side});
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = std::sin(0.3 * static_cast<double>(i % side));
  BOOST_CHECK_THROW(image::register_images(a.view(), a.view(), wide), nmcx::ConvergenceError);
}

BOOST_AUTO_TEST_CASE(the_coarse_search_equals_trying_every_shift) {
  const Field field(9);
  const Image a = picture(field, 0, 0, 1.0, 0.0, 0.1, 1);
  const Image b = picture(field, -11, 8, 1.0, 0.0, 0.1, 2);
  const nmcx::Array<unsigned char, 2> ok({side, side}, 1);
  for (const std::size_t coarsest : {16U, 32U, 64U}) {
    const image::CoarseAlignment c =
        image::align_coarsely(a.view(), ok.view(), b.view(), ok.view(), 20.0, 20.0, coarsest);
    BOOST_TEST(c.dy == -11);
    BOOST_TEST(c.dx == 8);
  }
}

BOOST_AUTO_TEST_CASE(scale_rotation_and_shear_are_found) {
  image::RegistrationOptions affine = wide;
  affine.model = image::MotionModel::affine;
  const image::Warp truth{.dy = 1.7, .dx = -2.4, .strain = {0.012, -0.007, 0.009, -0.010}};
  double square = 0.0;
  for (unsigned seed = 1; seed <= 20; ++seed) {
    const Field field(seed);
    std::mt19937 random(seed);
    std::normal_distribution<double> normal(0.0, 0.1);
    // moving(warp(x)) = fixed(x): fixed is the field read at the warped place.
    Image fixed({side, side});
    Image moving({side, side});
    for (std::size_t y = 0; y < side; ++y) {
      for (std::size_t x = 0; x < side; ++x) {
        const auto [to_y, to_x] = truth.position(y, x, fixed.shape);
        fixed[(y * side) + x] = field(to_y, to_x) + normal(random);
        moving[(y * side) + x] =
            field(static_cast<double>(y), static_cast<double>(x)) + normal(random);
      }
    }
    const image::Registration r = image::register_images(fixed.view(), moving.view(), affine);
    BOOST_TEST(std::abs(r.warp.dy - truth.dy) < 5.0 * r.error.dy);
    BOOST_TEST(std::abs(r.warp.dx - truth.dx) < 5.0 * r.error.dx);
    for (std::size_t k = 0; k < 4; ++k) {
      BOOST_TEST(r.error.strain[k] < 0.002);
      square += std::pow((r.warp.strain[k] - truth.strain[k]) / r.error.strain[k], 2);
    }
  }
  // 80 pulls know their width to 8 %.
  BOOST_TEST(std::abs(std::sqrt(square / 80.0) - 1.0) < 0.25);
}

BOOST_AUTO_TEST_CASE(noise_is_told_from_the_image_itself) {
  // Noise whose variance is exp(-2 + value), on a field that is smooth beside it.
  const Field field(2);
  std::mt19937 random(7);
  std::normal_distribution<double> normal(0.0, 1.0);
  Image noisy({120, 120});
  Image smooth({120, 120});
  for (std::size_t i = 0; i < noisy.size(); ++i) {
    smooth[i] = 2.0 * field(0.2 * static_cast<double>(i / 120), 0.2 * static_cast<double>(i % 120));
    noisy[i] = smooth[i] + (std::exp(-1.0 + (0.5 * smooth[i])) * normal(random));
  }
  const image::NoiseLevel level = image::noise_level(noisy.view(), smooth.view());
  // 14 400 pixels in eight bins: the median of each knows its variance to some 5 %.
  BOOST_TEST(std::abs(level.intercept + 2.0) < 0.15);
  BOOST_TEST(std::abs(level.slope - 1.0) < 0.15);
  const Image blank({16, 16}, 3.0);
  BOOST_TEST(image::noise_level(blank.view(), blank.view()).variance(3.0) == 0.0);
}

BOOST_AUTO_TEST_CASE(impossible_arguments_are_refused) {
  const Image a({8, 8}, 1.0);
  const Image b({8, 9}, 1.0);
  const Image small({7, 20}, 1.0);
  const image::RegistrationOptions far{.max_dy = 8.0, .max_dx = 1.0, .poll = {}};
  const image::RegistrationOptions near{.max_dy = 2.0, .max_dx = 1.0, .poll = {}};
  BOOST_CHECK_THROW(image::register_images(a.view(), b.view(), near), nmcx::InvalidArgument);
  BOOST_CHECK_THROW(image::register_images(a.view(), a.view(), far), nmcx::InvalidArgument);
  BOOST_CHECK_THROW(image::register_images(small.view(), small.view(), near),
                    nmcx::InvalidArgument);
}

BOOST_AUTO_TEST_SUITE_END()
