#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>

#include "nmcx/image/resample.hpp"

namespace image = nmcx::image;
using Image = nmcx::Array<double, 2>;

namespace {

image::Resampled shift_image(nmcx::ArrayView<double, 2> image, nmcx::ArrayView<double, 2> variance,
                             double dy, double dx) {
  return image::resample(image, variance, {.dy = dy, .dx = dx});
}

template <class F>
Image make(std::size_t ny, std::size_t nx, const F& f) {
  Image out({ny, nx});
  for (std::size_t y = 0; y < ny; ++y) {
    for (std::size_t x = 0; x < nx; ++x) {
      out[(y * nx) + x] = f(static_cast<double>(y), static_cast<double>(x));
    }
  }
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(resample)

BOOST_AUTO_TEST_CASE(a_whole_shift_moves_pixels_and_their_variance_unchanged) {
  const Image a = make(12, 15, [](double y, double x) { return std::sin(y * x) + (3.0 * y); });
  const Image v = make(12, 15, [](double y, double x) { return 1.0 + y + (2.0 * x); });
  const image::Resampled b = shift_image(a.view(), v.view(), 3.0, -2.0);
  for (std::size_t y = 0; y < 12; ++y) {
    for (std::size_t x = 0; x < 15; ++x) {
      const std::size_t i = (y * 15) + x;
      if (y + 3 >= 12 || x < 2) {
        BOOST_TEST(std::isnan(b.value[i]));
        BOOST_TEST(std::isnan(b.variance[i]));
      } else {
        // Prefilter and weights cancel to rounding.
        BOOST_TEST(std::abs(b.value[i] - a[((y + 3) * 15) + x - 2]) < 1e-12);
        BOOST_TEST(std::abs(b.variance[i] - v[((y + 3) * 15) + x - 2]) < 1e-12);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(the_error_of_a_smooth_image_falls_with_the_fourth_power_of_the_pixel) {
  // Cubic splines: halving the pixel divides the error by 16 in the interior.
  double error[2];
  for (const int fine : {0, 1}) {
    const double k = fine == 1 ? 0.2 : 0.4;
    const auto wave = [&](double y, double x) { return std::sin(k * y) * std::cos((k * x) + 0.3); };
    const Image a = make(64, 64, wave);
    const Image b = shift_image(a.view(), a.view(), 0.37, -0.61).value;
    double largest = 0.0;
    for (std::size_t y = 16; y < 48; ++y) {
      for (std::size_t x = 16; x < 48; ++x) {
        const double truth = wave(static_cast<double>(y) + 0.37, static_cast<double>(x) - 0.61);
        largest = std::max(largest, std::abs(b[(y * 64) + x] - truth));
      }
    }
    error[fine] = largest;
  }
  BOOST_TEST(error[0] < 1e-3);
  // The order is reached from below as the pixel shrinks: 0.4 is not yet asymptotic.
  BOOST_TEST(std::log2(error[0] / error[1]) > 3.8);
}

BOOST_AUTO_TEST_CASE(the_variance_weights_are_the_squared_response_to_one_pixel) {
  // Shift a single bright pixel: what arrives where is the kernel itself.
  Image spot({41, 41}, 0.0);
  spot[(20 * 41) + 20] = 1.0;
  const image::Resampled b = shift_image(spot.view(), spot.view(), 0.3, 0.5);
  for (std::size_t i = 0; i < spot.size(); ++i) {
    if (std::isnan(b.value[i])) continue;
    // The kernel is cut where its weight is 3e-5, its square 1e-9.
    BOOST_TEST(std::abs(b.variance[i] - (b.value[i] * b.value[i])) < 2e-9);
  }
}

BOOST_AUTO_TEST_CASE(a_strained_wave_is_read_where_the_warp_points) {
  const auto wave = [](double y, double x) {
    return std::sin(0.3 * y) * std::cos((0.2 * x) + 0.3);
  };
  const Image a = make(64, 48, wave);
  const image::Warp warp{.dy = 0.4, .dx = -1.3, .strain = {0.02, -0.03, 0.01, -0.02}};
  const Image b = image::resample(a.view(), a.view(), warp).value;
  for (std::size_t y = 14; y < 50; ++y) {
    for (std::size_t x = 14; x < 34; ++x) {
      const double from_y = static_cast<double>(y) - 31.5;
      const double from_x = static_cast<double>(x) - 23.5;
      const double to_y = static_cast<double>(y) + 0.4 + (0.02 * from_y) - (0.03 * from_x);
      const double to_x = static_cast<double>(x) - 1.3 + (0.01 * from_y) - (0.02 * from_x);
      // Cubic splines on waves of 20 pixels.
      BOOST_TEST(std::abs(b[(y * 48) + x] - wave(to_y, to_x)) < 1e-3);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_variance_under_a_warp_is_what_noise_scatters) {
  const image::Warp warp{.dy = 0.3, .dx = 0.1, .strain = {0.01, 0.02, -0.02, 0.015}};
  const Image ones({40, 40}, 1.0);
  Image square({40, 40}, 0.0);
  std::mt19937 random(3);
  std::normal_distribution<double> normal(0.0, 1.0);
  constexpr int n_draw = 400;
  image::Resampled last;
  for (int draw = 0; draw < n_draw; ++draw) {
    Image noise({40, 40});
    for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = normal(random);
    last = image::resample(noise.view(), ones.view(), warp);
    for (std::size_t i = 0; i < noise.size(); ++i) square[i] += last.value[i] * last.value[i];
  }
  for (std::size_t y = 10; y < 30; ++y) {
    for (std::size_t x = 10; x < 30; ++x) {
      const double ratio = square[(y * 40) + x] / n_draw / last.variance[(y * 40) + x];
      // 400 draws know a variance to 7 %; five of that for 400 pixels.
      BOOST_TEST(std::abs(ratio - 1.0) < 0.36);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_hole_spreads_to_its_neighbours_only) {
  Image a = make(20, 20, [](double y, double x) { return y + x; });
  a[(10 * 20) + 10] = std::numeric_limits<double>::quiet_NaN();
  const Image b = shift_image(a.view(), a.view(), 0.5, 0.5).value;
  for (std::size_t y = 0; y < 19; ++y) {
    for (std::size_t x = 0; x < 19; ++x) {
      const bool near = y >= 8 && y <= 11 && x >= 8 && x <= 11;
      BOOST_TEST(std::isnan(b[(y * 20) + x]) == near);
      // Away from the mirrored borders a plane is reproduced.
      const bool interior = y > 4 && y < 15 && x > 4 && x < 15;
      if (!near && interior) {
        BOOST_TEST(std::abs(b[(y * 20) + x] - static_cast<double>(y + x) - 1.0) < 0.02);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(smoothing_keeps_a_constant_with_holes_and_borders) {
  Image a({17, 9}, 4.5);
  for (std::size_t i = 0; i < a.size(); i += 5) a[i] = std::numeric_limits<double>::quiet_NaN();
  const image::Filled filled = image::smooth_and_fill(a.view(), 1.3);
  for (std::size_t i = 0; i < a.size(); ++i) {
    BOOST_TEST(std::abs(filled.value[i] - 4.5) < 1e-12);
    BOOST_TEST((filled.usable[i] == 0) == (i % 5 == 0));
  }
}

BOOST_AUTO_TEST_CASE(nothing_to_resample_is_an_error) {
  const Image a({8, 8}, std::numeric_limits<double>::quiet_NaN());
  const Image b({8, 9}, 1.0);
  BOOST_CHECK_THROW(shift_image(a.view(), a.view(), 0.5, 0.0), nmcx::InvalidArgument);
  BOOST_CHECK_THROW(shift_image(b.view(), a.view(), 0.5, 0.0), nmcx::InvalidArgument);
  const double inf = std::numeric_limits<double>::infinity();
  BOOST_CHECK_THROW(shift_image(b.view(), b.view(), inf, 0.0), nmcx::InvalidArgument);
}

BOOST_AUTO_TEST_CASE(a_shift_beyond_the_image_leaves_nothing) {
  const Image a({8, 8}, 1.0);
  const Image b = shift_image(a.view(), a.view(), 1e300, 0.0).value;
  for (std::size_t i = 0; i < b.size(); ++i) BOOST_TEST(std::isnan(b[i]));
}

BOOST_AUTO_TEST_SUITE_END()
