#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "nmcx/image/coarse_alignment.hpp"
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

const image::RegistrationOptions wide{.max_dy = 26.0, .max_dx = 26.0};

}  // namespace

BOOST_AUTO_TEST_SUITE(registration)

BOOST_AUTO_TEST_CASE(a_noise_free_shift_is_found_whatever_gain_and_offset) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    const Field field(seed);
    const Image a = picture(field, 0, 0, 1.0, 0.0, 0.0, 1);
    const Image b = picture(field, 2.3, -4.6, 0.4, 17.0, 0.0, 1);
    const image::Registration r = image::register_translation(a.view(), b.view(), wide);
    // What is left is the error of cubic splines on 8-pixel waves.
    BOOST_TEST(std::abs(r.dy - 2.3) < 2e-3);
    BOOST_TEST(std::abs(r.dx + 4.6) < 2e-3);
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
    const image::Registration r = image::register_translation(a.view(), b.view(), wide);
    BOOST_TEST(std::abs(r.dy - dy) < 5.0 * r.std);
    BOOST_TEST(std::abs(r.dx - dx) < 5.0 * r.std);
    BOOST_TEST(r.std < 0.2);
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
    const image::Registration r = image::register_translation(a.view(), b.view(), wide);
    square += std::pow((r.dy - dy) / r.std, 2) + std::pow((r.dx - dx) / r.std, 2);
    n += 2;
  }
  // 300 pulls know their width to 4 %; noise interpolated between pixels may add some more.
  BOOST_TEST(std::abs(std::sqrt(square / n) - 1.0) < 0.15);
}

BOOST_AUTO_TEST_CASE(swapping_the_images_turns_the_shift_round) {
  const Field field(3);
  const Image a = picture(field, 0, 0, 1.0, 0.0, 0.05, 1);
  const Image b = picture(field, 5.4, 7.2, 1.0, 0.0, 0.05, 2);
  const image::Registration there = image::register_translation(a.view(), b.view(), wide);
  const image::Registration back = image::register_translation(b.view(), a.view(), wide);
  // Which image is interpolated changes the answer by less than its standard error.
  BOOST_TEST(std::abs(there.dy + back.dy) < there.std);
  BOOST_TEST(std::abs(there.dx + back.dx) < there.std);
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
  const image::Registration r = image::register_translation(a.view(), b.view(), wide);
  BOOST_TEST(std::abs(r.dy + 3.5) < 5.0 * r.std);
  BOOST_TEST(std::abs(r.dx - 6.25) < 5.0 * r.std);
}

BOOST_AUTO_TEST_CASE(images_that_do_not_match_are_refused) {
  int refused = 0;
  for (unsigned seed = 1; seed <= 40; ++seed) {
    const Image a = picture(Field(seed), 0, 0, 1.0, 0.0, 0.1, seed);
    const Image b = picture(Field(seed + 500), 0, 0, 1.0, 0.0, 0.1, seed + 500);
    const Image noise = picture(Field(seed), 0, 0, 0.0, 0.0, 1.0, seed + 900);
    try {
      image::register_translation(a.view(), b.view(), wide);
    } catch (const nmcx::ConvergenceError&) {
      ++refused;
    }
    BOOST_CHECK_THROW(image::register_translation(a.view(), noise.view(), wide),
                      nmcx::ConvergenceError);
  }
  // The threshold lets one in a few hundred unrelated pairs pass.
  BOOST_TEST(refused >= 39);
  const Image blank({side, side}, 7.0);
  BOOST_CHECK_THROW(image::register_translation(blank.view(), blank.view(), wide),
                    nmcx::ConvergenceError);
}

BOOST_AUTO_TEST_CASE(stripes_do_not_give_a_shift_along_themselves) {
  Image a({side, side});
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = std::sin(0.3 * static_cast<double>(i % side));
  BOOST_CHECK_THROW(image::register_translation(a.view(), a.view(), wide), nmcx::ConvergenceError);
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

BOOST_AUTO_TEST_CASE(impossible_arguments_are_refused) {
  const Image a({8, 8}, 1.0);
  const Image b({8, 9}, 1.0);
  const Image small({7, 20}, 1.0);
  const image::RegistrationOptions far{.max_dy = 8.0, .max_dx = 1.0};
  const image::RegistrationOptions near{.max_dy = 2.0, .max_dx = 1.0};
  BOOST_CHECK_THROW(image::register_translation(a.view(), b.view(), near), nmcx::InvalidArgument);
  BOOST_CHECK_THROW(image::register_translation(a.view(), a.view(), far), nmcx::InvalidArgument);
  BOOST_CHECK_THROW(image::register_translation(small.view(), small.view(), near),
                    nmcx::InvalidArgument);
}

BOOST_AUTO_TEST_SUITE_END()
