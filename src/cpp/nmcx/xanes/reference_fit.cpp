#include "nmcx/xanes/reference_fit.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

#include "nmcx/core/error.hpp"
#include "nmcx/xanes/edge_fit.hpp"
#include "nmcx/xanes/nonnegative.hpp"
#include "nmcx/xanes/reference_tables.hpp"

namespace nmcx::xanes {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

constexpr std::size_t block = 64;  // voxels whose spectra stay in the cache
constexpr int most_steps = 20;
constexpr double least_jump = 5.0;  // in units of the noise

template <class T>
struct Stack {
  ArrayView<T, 2> values;
  bool voxel_major;

  [[nodiscard]] std::size_t n_energy() const { return values.shape[voxel_major ? 1 : 0]; }
  [[nodiscard]] std::size_t n_voxel() const { return values.shape[voxel_major ? 0 : 1]; }
  [[nodiscard]] double at(std::size_t energy, std::size_t voxel) const {
    return static_cast<double>(voxel_major ? values(voxel, energy) : values(energy, voxel));
  }

  /// The fitted energies of some voxels, one voxel per column.
  void gather(const ReferenceTables& tables, std::size_t begin, std::size_t n_voxel_block,
              Eigen::MatrixXd& out) const {
    for (std::size_t k = 0; k < tables.rows.size(); ++k) {
      const std::size_t energy = tables.plan.first + tables.rows[k];
      for (std::size_t i = 0; i < n_voxel_block; ++i) {
        out(static_cast<Index>(k), static_cast<Index>(i)) = at(energy, begin + i);
      }
    }
  }
};

/// Coefficients at one shift of the grid and a Gauss-Newton step away from it.
struct Fit {
  SmallVector g;      ///< (n_ref,) not negative
  double move = 0.0;  ///< [eV]
  std::size_t shift = 0;
  std::uint16_t status = 0;
};

class VoxelFit {
 public:
  VoxelFit(const ReferenceTables& tables, bool sum_to_one)
      : tables_(tables), n_ref_(tables.n_reference), sum_to_one_(sum_to_one) {}

  /// @param mu        (n,) the fitted energies of the voxel, finite
  /// @param variance  (n,) of the weighted spectrum, or nullptr: from the residuals
  void operator()(const VectorXd& mu, const VectorXd* variance, std::size_t voxel,
                  ReferenceMap& out) const {
    const VectorXd y = tables_.root_weight.cwiseProduct(mu);
    const Fit fit = tables_.spacing > 0.0 ? find_shift(y) : Fit{at_shift(y, 0), 0.0, 0, 0};
    const ShiftedReferences& here = tables_.shifted[fit.shift];
    const Index n_par = here.background.cols() + n_ref_ + (tables_.spacing > 0.0 ? 1 : 0);
    const double jump = sum_to_one_ ? fit.g.sum() : tables_.jump.dot(mu);

    VectorXd rest = y - here.background * (here.background.transpose() * y) -
                    here.columns.leftCols(n_ref_) * fit.g;
    if (tables_.spacing > 0.0) rest -= fit.move * (here.columns.rightCols(n_ref_) * fit.g);
    const double unit =
        variance != nullptr ? 1.0 : rest.squaredNorm() / static_cast<double>(y.size() - n_par);
    rest = rest.cwiseQuotient(tables_.root_weight);
    const double misfit = std::sqrt(rest.squaredNorm() / static_cast<double>(rest.size()));
    out.edge_jump[voxel] = static_cast<float>(jump);
    out.status[voxel] = fit.status;
    const double noise = variance != nullptr ? mean_noise(*variance) : std::sqrt(unit);
    if (!(jump > 0.0 && jump >= least_jump * noise)) {
      out.status[voxel] |= jump_below_noise;
      return;
    }
    out.residual[voxel] = static_cast<float>(misfit / jump);
    for (Index k = 0; k < n_ref_; ++k) value(out.fraction, k, voxel) = fit.g[k] / jump;
    write_errors(fit, jump, unit, variance, voxel, out);
    if (tables_.spacing > 0.0) {
      out.energy_shift[voxel] =
          tables_.first_shift + static_cast<double>(fit.shift) * tables_.spacing + fit.move;
    }
  }

 private:
  template <class T>
  static T& value(Array<T, 2>& map, Index k, std::size_t voxel) {
    return map[(static_cast<std::size_t>(k) * map.shape[1]) + voxel];
  }

  [[nodiscard]] double mean_noise(const VectorXd& variance) const {
    return std::sqrt(variance.cwiseQuotient(tables_.root_weight.cwiseAbs2()).mean());
  }

  [[nodiscard]] SmallVector at_shift(const VectorXd& y, std::size_t shift) const {
    const ShiftedReferences& here = tables_.shifted[shift];
    return nonnegative_least_squares(here.gram.topLeftCorner(n_ref_, n_ref_),
                                     here.columns.leftCols(n_ref_).transpose() * y);
  }

  /// What the references and the background explain of |y|².
  [[nodiscard]] double gain(const VectorXd& y, std::size_t shift) const {
    const ShiftedReferences& here = tables_.shifted[shift];
    const SmallVector right = here.columns.leftCols(n_ref_).transpose() * y;
    const auto gram = here.gram.topLeftCorner(n_ref_, n_ref_);
    return (here.background.transpose() * y).squaredNorm() +
           right.dot(nonnegative_least_squares(gram, right));
  }

  [[nodiscard]] Fit find_shift(const VectorXd& y) const {
    Fit fit;
    const std::size_t last = tables_.shifted.size() - 1;
    double best = -std::numeric_limits<double>::infinity();
    for (std::size_t g = 0;; g = std::min(g + tables_.coarse, last)) {
      const double explained = gain(y, g);
      if (explained > best) {
        best = explained;
        fit.shift = g;
      }
      if (g == last) break;
    }
    for (int i = 0; i < most_steps; ++i) {
      step(y, fit);
      const double cells = fit.move / tables_.spacing;
      if (!std::isfinite(cells)) break;
      const double next =
          static_cast<double>(fit.shift) + std::clamp(cells, -static_cast<double>(tables_.coarse),
                                                      static_cast<double>(tables_.coarse));
      const bool outside = next <= 0.0 || next >= static_cast<double>(last);
      if (!outside && std::abs(cells) <= 0.75) return fit;
      const auto nearest =
          static_cast<std::size_t>(std::lround(std::clamp(next, 0.0, static_cast<double>(last))));
      if (outside && nearest == fit.shift) {
        fit.g = at_shift(y, fit.shift);
        fit.move = 0.0;
        fit.status = window_border;
        return fit;
      }
      fit.shift = nearest;
    }
    fit.g = at_shift(y, fit.shift);
    fit.move = 0.0;
    fit.status = several_crossings;
    return fit;
  }

  /// Coefficients and shift together, to first order around a shift of the grid.
  void step(const VectorXd& y, Fit& fit) const {
    const ShiftedReferences& here = tables_.shifted[fit.shift];
    fit.g = at_shift(y, fit.shift);
    const Index n_active = (fit.g.array() > 0.0).count();
    const Eigen::MatrixXd columns = active_columns(here, fit.g, -1, true);
    const SmallMatrix gram = columns.transpose() * columns;
    const SmallVector found = gram.ldlt().solve(columns.transpose() * y);
    fit.move = found[n_active];
    if (std::abs(fit.move) > 0.75 * tables_.spacing) return;
    Index next = 0;
    for (Index k = 0; k < n_ref_; ++k) {
      if (fit.g[k] > 0.0) fit.g[k] = std::max(0.0, found[next++]);
    }
  }

  /// Columns of the references above zero, of `extra`, and of the derivative with the shift.
  [[nodiscard]] Eigen::MatrixXd active_columns(const ShiftedReferences& here, const SmallVector& g,
                                               Index extra, bool with_shift) const {
    const Index n_active = (g.array() > 0.0).count() + (extra >= 0 ? 1 : 0);
    Eigen::MatrixXd columns(here.columns.rows(), n_active + (with_shift ? 1 : 0));
    Index next = 0;
    for (Index k = 0; k < n_ref_; ++k) {
      if (g[k] > 0.0 || k == extra) columns.col(next++) = here.columns.col(k);
    }
    if (with_shift) columns.col(next) = here.columns.rightCols(n_ref_) * g;
    return columns;
  }

  /// Standard errors by propagation: every estimate is a row of weights times y, to first order.
  void write_errors(const Fit& fit, double jump, double unit, const VectorXd* variance,
                    std::size_t voxel, ReferenceMap& out) const {
    const bool with_shift = tables_.spacing > 0.0 && (fit.status & window_border) == 0;
    const ShiftedReferences& here = tables_.shifted[fit.shift];
    const VectorXd jump_row = tables_.jump.cwiseQuotient(tables_.root_weight);
    const auto error = [&](const VectorXd& row) {
      const double sum =
          variance != nullptr ? row.cwiseAbs2().dot(*variance) : unit * row.squaredNorm();
      return static_cast<float>(std::sqrt(sum));
    };
    const auto rows_of = [&](Index extra) {
      const Eigen::MatrixXd columns = active_columns(here, fit.g, extra, with_shift);
      const SmallMatrix gram = columns.transpose() * columns;
      const SmallMatrix inverse = gram.llt().solve(SmallMatrix::Identity(gram.rows(), gram.rows()));
      return Eigen::MatrixXd(columns * inverse);
    };
    const Eigen::MatrixXd rows = rows_of(-1);
    const Index n_active = rows.cols() - (with_shift ? 1 : 0);
    const VectorXd of_jump =
        sum_to_one_ ? VectorXd(rows.leftCols(n_active).rowwise().sum()) : jump_row;
    Index next = 0;
    for (Index k = 0; k < n_ref_; ++k) {
      float& target = value(out.fraction_std, k, voxel);
      if (fit.g[k] > 0.0) {
        target = error((rows.col(next++) - fit.g[k] / jump * of_jump) / jump);
      } else {
        const Index place = (fit.g.head(k).array() > 0.0).count();
        target = error(rows_of(k).col(place) / jump);
      }
    }
    if (with_shift) out.energy_shift_std[voxel] = error(rows.col(n_active));
  }

  const ReferenceTables& tables_;
  Index n_ref_;
  bool sum_to_one_;
};

ReferenceMap empty_map(std::size_t n_ref, std::size_t n) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr double wide_nan = std::numeric_limits<double>::quiet_NaN();
  return {Array<double, 2>({n_ref, n}, wide_nan),
          Array<float, 2>({n_ref, n}, nan),
          Array<float, 1>({n}, nan),
          Array<double, 1>({n}, wide_nan),
          Array<float, 1>({n}, nan),
          Array<float, 1>({n}, nan),
          Array<std::uint16_t, 1>({n}, 0)};
}

template <class T>
ReferenceMap fit(ArrayView<double, 1> energy_ev, const Stack<T>& mu, const Stack<T>& variance,
                 const ReferenceModel& model, const Execution& execution) {
  require(mu.n_energy() == energy_ev.size(),
          "mu must have one image per energy: it has " + std::to_string(mu.n_energy()) + " for " +
              std::to_string(energy_ev.size()) + " of energy_ev; see energy_axis");
  const bool given = variance.values.size() > 0;
  const bool common = given && variance.n_voxel() == 1;
  require(!given || (variance.n_energy() == mu.n_energy() &&
                     (variance.n_voxel() == 1 || variance.n_voxel() == mu.n_voxel())),
          "variance must have the shape of energy_ev or of mu");
  std::vector<double> weights;
  for (std::size_t k = 0; common && k < energy_ev.size(); ++k) weights.push_back(variance.at(k, 0));
  const ReferenceTables tables = make_reference_tables(energy_ev, model, weights);
  const VoxelFit fit_voxel(tables, model.sum_to_one);
  ReferenceMap out = empty_map(static_cast<std::size_t>(tables.n_reference), mu.n_voxel());

  parallel_for(mu.n_voxel(), 4096, execution, [&](std::size_t begin, std::size_t end, std::size_t) {
    const auto n = static_cast<Index>(tables.rows.size());
    Eigen::MatrixXd spectra(n, static_cast<Index>(block));
    Eigen::MatrixXd own(n, static_cast<Index>(block));
    VectorXd noise = VectorXd::Ones(n);
    VectorXd spectrum(n);
    for (std::size_t v = begin; v < end; v += block) {
      const std::size_t n_block = std::min(block, end - v);
      mu.gather(tables, v, n_block, spectra);
      if (given && !common) variance.gather(tables, v, n_block, own);
      for (std::size_t i = 0; i < n_block; ++i) {
        spectrum = spectra.col(static_cast<Index>(i));
        if (given && !common) noise = own.col(static_cast<Index>(i));
        if (!spectrum.allFinite() || !noise.allFinite()) {
          out.status[v + i] = low_transmission;
          continue;
        }
        fit_voxel(spectrum, given ? &noise : nullptr, v + i, out);
      }
    }
  });
  return out;
}

}  // namespace

ReferenceMap fit_references(ArrayView<double, 1> energy_ev, ArrayView<float, 2> mu,
                            ArrayView<float, 2> variance, bool voxel_major,
                            const ReferenceModel& model, const Execution& execution) {
  return fit(energy_ev, Stack<float>{mu, voxel_major}, Stack<float>{variance, voxel_major}, model,
             execution);
}

ReferenceMap fit_references(ArrayView<double, 1> energy_ev, ArrayView<double, 2> mu,
                            ArrayView<double, 2> variance, bool voxel_major,
                            const ReferenceModel& model, const Execution& execution) {
  return fit(energy_ev, Stack<double>{mu, voxel_major}, Stack<double>{variance, voxel_major}, model,
             execution);
}

}  // namespace nmcx::xanes
