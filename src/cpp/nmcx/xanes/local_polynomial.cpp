#include "nmcx/xanes/local_polynomial.hpp"

#include <Eigen/Core>
#include <algorithm>

#include "nmcx/core/dense_matrix.hpp"

namespace nmcx::xanes {

LocalPolynomial fit_local_polynomial(const double* energy, std::size_t begin, std::size_t end,
                                     double centre, int degree) {
  LocalPolynomial out{begin, end, centre, {}};
  const auto n = static_cast<Eigen::Index>(end - begin);
  // Scaled to about one, for the condition of the basis.
  const double scale = std::max(energy[end - 1] - centre, centre - energy[begin]);
  Eigen::MatrixXd basis(n, degree + 1);
  for (Eigen::Index k = 0; k < n; ++k) {
    const double y = (energy[begin + static_cast<std::size_t>(k)] - centre) / scale;
    double power = 1.0;
    for (Eigen::Index p = 0; p <= degree; ++p, power *= y) basis(k, p) = power;
  }
  const Eigen::MatrixXd inverse = least_squares_weights(basis);
  double factor = 1.0;
  for (Eigen::Index p = 0; p <= degree; ++p, factor /= scale) {
    for (Eigen::Index k = 0; k < n; ++k) out.weights.push_back(inverse(p, k) * factor);
  }
  return out;
}

std::array<std::size_t, 2> samples_around(const double* energy, std::size_t n, double centre,
                                          double half_width, std::size_t least) {
  const double reach = half_width * (1.0 + 1e-9);
  std::size_t begin = 0;
  while (begin < n && energy[begin] < centre - reach) ++begin;
  std::size_t end = begin;
  while (end < n && energy[end] <= centre + reach) ++end;
  const auto first_above =
      static_cast<std::size_t>(std::lower_bound(energy, energy + n, centre) - energy);
  // A sample in the centre counts for both sides.
  const auto first_beyond =
      static_cast<std::size_t>(std::upper_bound(energy, energy + n, centre) - energy);
  begin = std::min(begin, first_beyond > least ? first_beyond - least : 0);
  end = std::max(end, std::min(n, first_above + least));
  const std::size_t wanted = std::min(n, (2 * least) - (first_beyond - first_above));
  while (end - begin < wanted) begin > 0 ? --begin : ++end;
  return {begin, end};
}

}  // namespace nmcx::xanes
