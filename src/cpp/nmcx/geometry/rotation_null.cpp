#include "nmcx/geometry/rotation_null.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "nmcx/geometry/nearest_direction.hpp"

namespace nmcx {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t most_covariates = 4;

/// What is fixed to the patch: 1, the covariates and the value, each less its mean, which costs
/// sums of squares no digits.
struct Rows {
  std::size_t n_quantity;  ///< 1, covariates, value
  std::size_t n_column;
  std::vector<double> plain;     ///< [pair][quantity][column], 0 in a pair that does not count
  std::vector<double> weighted;  ///< the same times the weight
  std::vector<double> weights;   ///< [pair][column]
};

Rows rows_of(const PatchPairs& pairs) {
  const auto [n_pair, n_column] = pairs.values.shape;
  const std::size_t n_covariate = pairs.covariates.shape[0];
  const std::size_t n_quantity = n_covariate + 2;
  Rows rows{.n_quantity = n_quantity,
            .n_column = n_column,
            .plain = std::vector<double>(n_pair * n_quantity * n_column, 0.0),
            .weighted = {},
            .weights = std::vector<double>(n_pair * n_column, 0.0)};
  const auto quantity = [&](std::size_t q, std::size_t pair, std::size_t column) {
    return q == n_covariate ? pairs.values(pair, column) : pairs.covariates(q, pair, column);
  };
  for (std::size_t column = 0; column < n_column; ++column) {
    std::array<double, most_covariates + 1> mean{};
    double total = 0;
    for (std::size_t pair = 0; pair < n_pair; ++pair) {
      double weight = pairs.weights(pair, column);
      for (std::size_t q = 0; q <= n_covariate; ++q) {
        if (!std::isfinite(quantity(q, pair, column))) weight = 0;
      }
      if (!(weight > 0)) continue;
      rows.weights[(pair * n_column) + column] = weight;
      total += weight;
      for (std::size_t q = 0; q <= n_covariate; ++q) mean[q] += weight * quantity(q, pair, column);
    }
    for (std::size_t pair = 0; pair < n_pair; ++pair) {
      if (rows.weights[(pair * n_column) + column] == 0) continue;
      double* row = &rows.plain[pair * rows.n_quantity * n_column];
      row[column] = 1;
      for (std::size_t q = 0; q <= n_covariate; ++q) {
        row[((q + 1) * n_column) + column] = quantity(q, pair, column) - (mean[q] / total);
      }
    }
  }
  rows.weighted.resize(rows.plain.size());
  for (std::size_t i = 0; i < rows.plain.size(); ++i) {
    const std::size_t pair = i / (rows.n_quantity * n_column);
    rows.weighted[i] = rows.plain[i] * rows.weights[(pair * n_column) + (i % n_column)];
  }
  return rows;
}

/// The field less the mean of each column, 0 where it is unknown.
struct Field {
  std::vector<double> values;  ///< [direction][column]
  std::vector<double> known;   ///< 1 or 0, likewise; empty if everything is known
};

Field centred(const ArrayView<double, 2>& field) {
  const auto [n_row, n_column] = field.shape;
  Field result{.values = std::vector<double>(field.size(), 0.0), .known = {}};
  const auto is_known = [](double value) { return std::isfinite(value); };
  if (!std::all_of(field.begin(), field.end(), is_known)) result.known.assign(field.size(), 0);
  for (std::size_t column = 0; column < n_column; ++column) {
    double sum = 0;
    double n = 0;
    for (std::size_t i = column; i < field.size(); i += n_column) {
      if (!is_known(field[i])) continue;
      sum += field[i];
      n += 1;
    }
    for (std::size_t i = column; i < field.size(); i += n_column) {
      if (!is_known(field[i])) continue;
      result.values[i] = field[i] - (sum / n);
      if (!result.known.empty()) result.known[i] = 1;
    }
  }
  return result;
}

/// Sums of products of all quantities, the field being the last: what one rotation needs.
class Moments {
 public:
  explicit Moments(const Rows& rows)
      : rows_(rows),
        n_(rows.n_quantity + 1),
        sums_(n_ * (n_ + 1) / 2 * rows.n_column),
        n_counted_(rows.n_column) {}

  /// Sums over a patch that meets the field everywhere; without the field.
  void add_patch() {
    for (std::size_t pair = 0; pair * rows_.n_column < rows_.weights.size(); ++pair) {
      add_fixed(pair, nullptr);
    }
  }

  /// Products of what is fixed to the patch, in columns whose field is known there.
  void add_fixed(std::size_t pair, const double* known) {
    const std::size_t n_column = rows_.n_column;
    const double* plain = &rows_.plain[pair * rows_.n_quantity * n_column];
    const double* weighted = &rows_.weighted[pair * rows_.n_quantity * n_column];
    for (std::size_t column = 0; column < n_column; ++column) {
      // The first quantity is 1 in the pairs that count.
      n_counted_[column] += plain[column] * (known == nullptr ? 1 : known[column]);
    }
    double* sum = sums_.data();
    for (std::size_t i = 0; i < rows_.n_quantity; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        const double* a = weighted + (i * n_column);
        const double* b = plain + (j * n_column);
        for (std::size_t column = 0; column < n_column; ++column) {
          sum[column] += a[column] * b[column] * (known == nullptr ? 1 : known[column]);
        }
        sum += n_column;
      }
    }
  }

  /// Products with the field, which is 0 where it is unknown.
  void add_field(std::size_t pair, const double* field) {
    const std::size_t n_column = rows_.n_column;
    const double* weighted = &rows_.weighted[pair * rows_.n_quantity * n_column];
    double* sum = &sums_[n_ * (n_ - 1) / 2 * n_column];
    for (std::size_t q = 0; q < rows_.n_quantity; ++q) {
      for (std::size_t column = 0; column < n_column; ++column) {
        sum[column] += weighted[column] * field[column];
      }
      weighted += n_column;
      sum += n_column;
    }
    const double* weights = &rows_.weights[pair * n_column];
    for (std::size_t column = 0; column < n_column; ++column) {
      sum[column] += weights[column] * field[column] * field[column];
    }
  }

  /// Correlation of the last two quantities once the others are taken away (Cholesky).
  [[nodiscard]] double correlation(std::size_t column) const {
    if (n_counted_[column] < static_cast<double>(n_ + 1)) return nan;
    constexpr std::size_t most = most_covariates + 3;
    std::array<std::array<double, most>, most> l{};
    const std::size_t value = n_ - 2;
    const std::size_t field = n_ - 1;
    for (std::size_t i = 0; i < n_; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        const double given = sums_[(((i * (i + 1) / 2) + j) * rows_.n_column) + column];
        double rest = given;
        // The field's own rest keeps what it shares with the value.
        for (std::size_t k = 0; k < std::min(j, value); ++k) rest -= l[i][k] * l[j][k];
        if (i != j) {
          l[i][j] = rest / l[j][j];
        } else if (rest > 1e-12 * given) {
          l[i][i] = std::sqrt(rest);
        } else {
          return nan;  // constant, or given by the others, but for rounding
        }
      }
    }
    return std::clamp(l[field][value] / l[field][field], -1.0, 1.0);
  }

 private:
  const Rows& rows_;
  std::size_t n_;
  std::vector<double> sums_;       // [i (i + 1) / 2 + j][column]
  std::vector<double> n_counted_;  // [column]
};

void check(const ArrayView<double, 2>& field, const ArrayView<double, 2>& directions,
           const PatchPairs& pairs, const ArrayView<double, 3>& rotations) {
  const auto [n_pair, n_column] = pairs.values.shape;
  require(field.shape[0] == directions.shape[0] && field.shape[1] == n_column,
          "field must have a row for each direction and a column for each of the patch's");
  require(pairs.directions.shape == std::array{n_pair, std::size_t{3}},
          "the patch must have one direction (z, y, x) per pair");
  require(pairs.weights.shape == pairs.values.shape, "weights must have the shape of the values");
  require(pairs.covariates.shape[0] <= most_covariates, "there may be at most 4 covariates");
  require(pairs.covariates.shape[0] == 0 ||
              (pairs.covariates.shape[1] == n_pair && pairs.covariates.shape[2] == n_column),
          "each covariate must have the shape of the values");
  require(rotations.shape[1] == 3 && rotations.shape[2] == 3,
          "rotations must have shape (n, 3, 3)");
}

Vector3 turned(const ArrayView<double, 3>& rotations, std::size_t r, const ArrayView<double, 2>& d,
               std::size_t pair) {
  Vector3 result{};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) result[i] += rotations(r, i, j) * d(pair, j);
  }
  return result;
}

}  // namespace

TurnedCorrelations rotation_null(const ArrayView<double, 2>& field,
                                 const ArrayView<double, 2>& directions, const PatchPairs& pairs,
                                 const ArrayView<double, 3>& rotations,
                                 const Execution& execution) {
  check(field, directions, pairs, rotations);
  const auto [n_pair, n_column] = pairs.values.shape;
  const std::size_t n_rotation = rotations.shape[0];
  const NearestDirection nearest(directions);
  const Rows rows = rows_of(pairs);
  const Field table = centred(field);
  Moments start(rows);
  if (table.known.empty()) start.add_patch();
  TurnedCorrelations result{.correlation = Array<double, 2>({n_rotation, n_column}, nan)};
  constexpr std::size_t grain = 16;
  std::vector<double> least_cosine((n_rotation / grain) + 1, 1.0);
  const auto turn_patch = [&](std::size_t begin, std::size_t end, std::size_t chunk) {
    for (std::size_t r = begin; r < end; ++r) {
      Moments moments(start);
      for (std::size_t pair = 0; pair < n_pair; ++pair) {
        const auto [index, cosine] = nearest(turned(rotations, r, pairs.directions, pair));
        least_cosine[chunk] = std::min(least_cosine[chunk], cosine);
        if (!table.known.empty()) moments.add_fixed(pair, &table.known[index * n_column]);
        moments.add_field(pair, &table.values[index * n_column]);
      }
      for (std::size_t column = 0; column < n_column; ++column) {
        result.correlation[(r * n_column) + column] = moments.correlation(column);
      }
    }
  };
  parallel_for(n_rotation, grain, execution, turn_patch);
  const double least = *std::min_element(least_cosine.begin(), least_cosine.end());
  result.farthest = std::acos(std::clamp(least, -1.0, 1.0));
  return result;
}

}  // namespace nmcx
