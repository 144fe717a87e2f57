#include "nmcx/image/resample.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "nmcx/core/error.hpp"

namespace nmcx::image {
namespace {

constexpr double pole = std::numbers::sqrt3 - 2.0;
constexpr std::ptrdiff_t horizon = 30;  // |pole|^30 is below the rounding of a double
constexpr std::ptrdiff_t n_side = 8;    // taps of the cardinal spline on each side

std::ptrdiff_t as_signed(std::size_t i) {
  return static_cast<std::ptrdiff_t>(i);
}

/// Prefilter along the first axis of (n, width), all columns at once: c * [1/6, 4/6, 1/6] = s.
void prefilter(double* s, std::size_t n, std::size_t width, std::size_t step, std::size_t stride) {
  if (n == 1) return;
  const auto at = [&](std::size_t i, std::size_t j) -> double& {
    return s[(i * step) + (j * stride)];
  };
  std::vector<double> first(width, 0.0);
  double power = 1.0;
  for (std::ptrdiff_t k = 0; k < horizon; ++k) {
    const std::size_t i = mirrored(k, n);
    for (std::size_t j = 0; j < width; ++j) first[j] += power * at(i, j);
    power *= pole;
  }
  for (std::size_t j = 0; j < width; ++j) at(0, j) = first[j];
  for (std::size_t i = 1; i < n; ++i) {
    for (std::size_t j = 0; j < width; ++j) at(i, j) += pole * at(i - 1, j);
  }
  const double gain = pole / ((pole * pole) - 1.0);
  for (std::size_t j = 0; j < width; ++j) {
    at(n - 1, j) = 6.0 * gain * (at(n - 1, j) + (pole * at(n - 2, j)));
  }
  for (std::size_t i = n - 1; i-- > 0;) {
    for (std::size_t j = 0; j < width; ++j) at(i, j) = pole * (at(i + 1, j) - (6.0 * at(i, j)));
  }
}

/// Convolution of the columns of (ny, nx), samples outside being absent.
void convolve_columns(const Array<double, 2>& in, Array<double, 2>& out,
                      const std::vector<double>& kernel) {
  const auto [ny, nx] = in.shape;
  const std::ptrdiff_t radius = as_signed(kernel.size() / 2);
  std::fill_n(out.data(), out.size(), 0.0);
  for (std::size_t y = 0; y < ny; ++y) {
    double* target = out.data() + (y * nx);
    for (std::ptrdiff_t k = -radius; k <= radius; ++k) {
      const std::ptrdiff_t source = as_signed(y) + k;
      if (source < 0 || source >= as_signed(ny)) continue;
      const double w = kernel[static_cast<std::size_t>(k + radius)];
      const double* row = in.data() + (static_cast<std::size_t>(source) * nx);
      for (std::size_t x = 0; x < nx; ++x) target[x] += w * row[x];
    }
  }
}

/// The same for the rows.
void convolve_rows(const Array<double, 2>& in, Array<double, 2>& out,
                   const std::vector<double>& kernel) {
  const auto [ny, nx] = in.shape;
  const std::ptrdiff_t radius = as_signed(kernel.size() / 2);
  std::fill_n(out.data(), out.size(), 0.0);
  for (std::size_t y = 0; y < ny; ++y) {
    double* target = out.data() + (y * nx);
    const double* row = in.data() + (y * nx);
    for (std::ptrdiff_t k = -radius; k <= radius; ++k) {
      const double w = kernel[static_cast<std::size_t>(k + radius)];
      const std::ptrdiff_t begin = std::max<std::ptrdiff_t>(0, -k);
      const std::ptrdiff_t end = std::min(as_signed(nx), as_signed(nx) - k);
      for (std::ptrdiff_t x = begin; x < end; ++x) target[x] += w * row[x + k];
    }
  }
}

/// Weights of the samples floor(position) - n_side + 1 ... floor(position) + n_side.
std::vector<double> cardinal_weights(double fraction) {
  std::vector<double> weights;
  for (std::ptrdiff_t k = 1 - n_side; k <= n_side; ++k) {
    weights.push_back(cardinal_spline(fraction - static_cast<double>(k)));
  }
  return weights;
}

/// Finite image and variance, the latter zero in holes.
Array<double, 2> finite_variance(ArrayView<double, 2> variance,
                                 const Array<unsigned char, 2>& usable) {
  Array<double, 2> clean(variance.shape);
  for (std::size_t i = 0; i < clean.size(); ++i) clean[i] = usable[i] != 0 ? variance[i] : 0.0;
  return clean;
}

/// Where one coordinate of a target pixel is read.
struct Reading {
  std::ptrdiff_t whole;          ///< floor of the position
  SplineWeights spline;          ///< weights at its fraction
  std::vector<double> square;    ///< squared cardinal weights
  std::ptrdiff_t before, after;  ///< reach of the spline's support
};

/// Keeps the last fraction: along a shifted grid it is always the same.
class Reader {
 public:
  const Reading& at(double position) {
    const double whole = std::floor(position);
    // Differences this small are rounding of the position.
    if (!(std::abs(position - whole - fraction_) < 1e-9)) {
      fraction_ = position - whole;
      reading_.spline = spline_weights(fraction_);
      reading_.square = cardinal_weights(fraction_);
      for (double& w : reading_.square) w *= w;
      // A whole number of pixels reads one sample and no neighbour.
      reading_.before = fraction_ == 0.0 ? 0 : 1;
      reading_.after = fraction_ == 0.0 ? 0 : 2;
    }
    reading_.whole = static_cast<std::ptrdiff_t>(whole);
    return reading_;
  }

 private:
  double fraction_ = -1.0;
  Reading reading_{};
};

bool support_usable(const Array<unsigned char, 2>& usable, const Reading& rows,
                    const Reading& columns) {
  const auto [ny, nx] = usable.shape;
  for (std::ptrdiff_t i = -rows.before; i <= rows.after; ++i) {
    for (std::ptrdiff_t j = -columns.before; j <= columns.after; ++j) {
      if (usable[(mirrored(rows.whole + i, ny) * nx) + mirrored(columns.whole + j, nx)] == 0) {
        return false;
      }
    }
  }
  return true;
}

/// sum over j of weights[j] row[first + j], mirrored.
template <class Weights>
double along(const double* row, std::size_t nx, const Weights& weights, std::ptrdiff_t first) {
  double sum = 0.0;
  for (std::size_t j = 0; j < weights.size(); ++j) {
    sum += weights[j] * row[mirrored(first + as_signed(j), nx)];
  }
  return sum;
}

/// sum over i of weights[i] image(first + i, x) for every x, mirrored.
template <class Weights>
void combine_rows(const Array<double, 2>& image, const Weights& weights, std::ptrdiff_t first,
                  std::vector<double>& sum) {
  const auto [ny, nx] = image.shape;
  std::ranges::fill(sum, 0.0);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double* row = image.data() + (mirrored(first + as_signed(i), ny) * nx);
    for (std::size_t x = 0; x < nx; ++x) sum[x] += weights[i] * row[x];
  }
}

/// sum over i, j of rows[i] columns[j] image(first_row + i, first_column + j), mirrored.
template <class Weights>
double weighted_sum(const Array<double, 2>& image, const Weights& rows, std::ptrdiff_t first_row,
                    const Weights& columns, std::ptrdiff_t first_column) {
  const auto [ny, nx] = image.shape;
  double sum = 0.0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double* row = image.data() + (mirrored(first_row + as_signed(i), ny) * nx);
    sum += rows[i] * along(row, nx, columns, first_column);
  }
  return sum;
}

}  // namespace

std::size_t mirrored(std::ptrdiff_t index, std::size_t n) {
  if (n == 1) return 0;
  const std::ptrdiff_t period = 2 * (as_signed(n) - 1);
  index %= period;
  if (index < 0) index += period;
  return static_cast<std::size_t>(index < as_signed(n) ? index : period - index);
}

SplineWeights spline_weights(double position) {
  const double whole = std::floor(position);
  const double t = position - whole;
  const double u = 1.0 - t;
  return {.first = static_cast<std::ptrdiff_t>(whole) - 1,
          .value = {u * u * u / 6.0, (2.0 / 3.0) - (0.5 * t * t * (2.0 - t)),
                    (2.0 / 3.0) - (0.5 * u * u * (2.0 - u)), t * t * t / 6.0},
          .slope = {-0.5 * u * u, t * ((1.5 * t) - 2.0), u * (2.0 - (1.5 * u)), 0.5 * t * t}};
}

double cardinal_spline(double t) {
  // Inverse of the sampled B-spline: p_j = -6 z / (1 - z^2) z^|j|.
  const SplineWeights near = spline_weights(t);
  const double scale = -6.0 * pole / (1.0 - (pole * pole));
  double sum = 0.0;
  for (std::size_t k = 0; k < 4; ++k) {
    const std::ptrdiff_t j = near.first + as_signed(k);
    sum += near.value[k] * scale * std::pow(pole, static_cast<int>(std::abs(j)));
  }
  return sum;
}

std::vector<double> gaussian_kernel(double sigma) {
  const auto radius = static_cast<std::ptrdiff_t>(std::ceil(4.0 * sigma));
  std::vector<double> kernel;
  double sum = 0.0;
  for (std::ptrdiff_t k = -radius; k <= radius; ++k) {
    const double t = sigma > 0.0 ? static_cast<double>(k) / sigma : 0.0;
    kernel.push_back(std::exp(-0.5 * t * t));
    sum += kernel.back();
  }
  for (double& w : kernel) w /= sum;
  return kernel;
}

Array<double, 2> convolved(const Array<double, 2>& image, const std::vector<double>& kernel) {
  Array<double, 2> columns(image.shape);
  Array<double, 2> both(image.shape);
  convolve_columns(image, columns, kernel);
  convolve_rows(columns, both, kernel);
  return both;
}

Array<double, 2> spline_coefficients(ArrayView<double, 2> image) {
  Array<double, 2> c(image.shape);
  std::copy(image.begin(), image.end(), c.data());
  const auto [ny, nx] = image.shape;
  if (c.size() == 0) return c;
  prefilter(c.data(), ny, nx, nx, 1);
  prefilter(c.data(), nx, ny, 1, nx);
  return c;
}

Filled smooth_and_fill(ArrayView<double, 2> image, double sigma) {
  require(sigma >= 0.0, "sigma of the smoothing must not be negative");
  Filled filled{.value = Array<double, 2>(image.shape),
                .usable = Array<unsigned char, 2>(image.shape)};
  Array<double, 2> weight(image.shape);
  double sum = 0.0;
  std::size_t n = 0;
  for (std::size_t i = 0; i < image.size(); ++i) {
    const bool finite = std::isfinite(image[i]);
    filled.usable[i] = finite ? 1 : 0;
    weight[i] = finite ? 1.0 : 0.0;
    sum += finite ? image[i] : 0.0;
    n += finite ? 1 : 0;
  }
  require(n > 0, "image has no finite pixel; check the file or the mask");
  const double mean = sum / static_cast<double>(n);
  for (std::size_t i = 0; i < image.size(); ++i) {
    filled.value[i] = filled.usable[i] != 0 ? image[i] - mean : 0.0;
  }
  // Holes need some reach even where nothing is to be smoothed.
  const bool holes = n < image.size();
  if (sigma > 0.0 || holes) {
    const std::vector<double> kernel = gaussian_kernel(sigma > 0.0 ? sigma : 1.0);
    const Array<double, 2> value = convolved(filled.value, kernel);
    const Array<double, 2> total = convolved(weight, kernel);
    for (std::size_t i = 0; i < image.size(); ++i) {
      const bool keep = sigma == 0.0 && filled.usable[i] != 0;
      if (!keep) filled.value[i] = total[i] > 1e-6 ? value[i] / total[i] : 0.0;
    }
  }
  for (std::size_t i = 0; i < image.size(); ++i) filled.value[i] += mean;
  return filled;
}

Resampled resample(ArrayView<double, 2> image, ArrayView<double, 2> variance, const Warp& warp) {
  require(image.shape == variance.shape, "variance must have the shape of the image");
  require(std::isfinite(warp.dy) && std::isfinite(warp.dx), "shift must be finite");
  require(std::ranges::all_of(warp.strain, [](double s) { return std::isfinite(s); }),
          "matrix must be finite");
  const auto [ny, nx] = image.shape;
  const Filled filled = smooth_and_fill(image, 0.0);
  const Array<double, 2> clean = finite_variance(variance, filled.usable);
  const Array<double, 2> c = spline_coefficients(filled.value.view());
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  Resampled result{.value = Array<double, 2>(image.shape, nan),
                   .variance = Array<double, 2>(image.shape, nan)};
  Reader row_reader;
  Reader column_reader;
  // Without strain all pixels of a row read the same rows: these are summed once for all of them.
  const bool separable = warp.is_translation();
  std::vector<double> value_row(nx);
  std::vector<double> variance_row(nx);
  for (std::size_t y = 0; y < ny; ++y) {
    if (const double to_y = warp.position(y, 0, image.shape)[0];
        separable && to_y >= 0.0 && to_y <= static_cast<double>(ny - 1)) {
      const Reading& rows = row_reader.at(to_y);
      combine_rows(c, rows.spline.value, rows.whole - 1, value_row);
      combine_rows(clean, rows.square, rows.whole + 1 - n_side, variance_row);
    }
    for (std::size_t x = 0; x < nx; ++x) {
      const auto [to_y, to_x] = warp.position(y, x, image.shape);
      if (!(to_y >= 0.0 && to_x >= 0.0 && to_y <= static_cast<double>(ny - 1) &&
            to_x <= static_cast<double>(nx - 1))) {
        continue;
      }
      const Reading& rows = row_reader.at(to_y);
      const Reading& columns = column_reader.at(to_x);
      if (!support_usable(filled.usable, rows, columns)) continue;
      const std::ptrdiff_t from_x = columns.whole;
      double& value = result.value[(y * nx) + x];
      double& square = result.variance[(y * nx) + x];
      if (separable) {
        value = along(value_row.data(), nx, columns.spline.value, from_x - 1);
        square = along(variance_row.data(), nx, columns.square, from_x + 1 - n_side);
      } else {
        value =
            weighted_sum(c, rows.spline.value, rows.whole - 1, columns.spline.value, from_x - 1);
        square = weighted_sum(clean, rows.square, rows.whole + 1 - n_side, columns.square,
                              from_x + 1 - n_side);
      }
    }
  }
  return result;
}

}  // namespace nmcx::image
