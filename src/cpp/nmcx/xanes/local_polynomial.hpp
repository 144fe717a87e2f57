// Least-squares polynomials over a few neighbouring energies: fixed weights on a fixed grid.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

namespace nmcx::xanes {

/// Coefficients, in powers of (energy - centre) [eV], as weighted sums of the samples begin..end-1.
struct LocalPolynomial {
  std::size_t begin = 0;
  std::size_t end = 0;
  double centre = 0.0;
  std::vector<double> weights{};  ///< (degree + 1, end - begin)

  [[nodiscard]] std::size_t size() const { return end - begin; }
  [[nodiscard]] double weight(std::size_t power, std::size_t sample) const {
    return weights[(power * size()) + sample - begin];
  }
  [[nodiscard]] double coefficient(std::size_t power, const double* samples) const {
    const double* w = weights.data() + (power * size());
    double sum = 0.0;
    for (std::size_t k = begin; k < end; ++k) sum += w[k - begin] * samples[k];
    return sum;
  }
};

/// @param energy  increasing energies [eV]
/// @param begin, end  samples begin..end-1, more than `degree`
LocalPolynomial fit_local_polynomial(const double* energy, std::size_t begin, std::size_t end,
                                     double centre, int degree);

/// Samples within `half_width` of `centre`, and on either side at least `least` of them if the grid
/// has them; if not, as many more on the other side.
std::array<std::size_t, 2> samples_around(const double* energy, std::size_t n, double centre,
                                          double half_width, std::size_t least);

}  // namespace nmcx::xanes
