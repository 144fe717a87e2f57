// LDLᵀ of a sparse symmetric matrix of blocks, front by front.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"
#include "nmcx/fem/block_matrix.hpp"
#include "nmcx/fem/front_tree.hpp"

namespace nmcx {

/// Factorises K of a block matrix, without its border, by the multifrontal method (J. W. H. Liu,
/// SIAM Rev. 34 (1992) 82), without pivoting: pivots have either sign, so that the number of
/// negative ones is that of negative eigenvalues.
///
/// From the second factorisation on, what each front leaves to its parent is kept, if that is not
/// too much. A matrix that differs from the last one in few entries then takes new fronts only
/// there and from there to the root. Neither that nor the number of threads changes a bit of the
/// factor.
class Multifrontal {
 public:
  /// @param pattern of the matrices; must live on
  /// @param order   nodes as they are to be eliminated
  /// @param kept    bytes at most that are kept from one factorisation to the next
  Multifrontal(const SparsePattern& pattern, std::span<const Index> order, std::size_t dimension,
               std::size_t kept = default_kept);

  /// @param is_fixed (n d) unknowns whose rows and columns are taken to be those of the identity;
  ///                 the same in every call
  /// @param shift    added to the diagonal, relative to it
  /// @returns false if a pivot is zero or not a number: there is no factor then
  [[nodiscard]] bool factorise(const BlockMatrix& matrix, std::span<const bool> is_fixed,
                               double shift, Team& team);

  /// Z = K⁻¹ R, both (n_vector × n d); a few vectors at once read the factor once.
  void solve(std::span<const double> r, std::span<double> z, std::size_t n_vector,
             Team& team) const;

  /// Negative pivots, those of fixed unknowns left out.
  [[nodiscard]] std::size_t n_negative() const;
  [[nodiscard]] std::size_t n_front() const { return tree_.fronts.size(); }
  /// Fronts that the last factorisation made anew.
  [[nodiscard]] std::size_t n_renewed() const;

 private:
  struct Source;
  struct Passage;

  /// Numbers that fronts leave to their parents.
  [[nodiscard]] std::size_t n_left() const;
  void find_tasks();
  void find_renewed(const BlockMatrix& matrix, double shift, Team& team);
  template <std::size_t d>
  void assemble(std::size_t which, const Source& source);
  template <std::size_t d>
  void take_over(std::size_t which, const Front& child, const double* left);
  void eliminate(std::size_t which, std::vector<double>& work, Team* team);
  void renew(std::size_t which, const Source& source, std::vector<double>& work, Team* team);
  template <std::size_t d>
  void go_up(std::size_t f, Passage& passage, std::vector<double>& part) const;
  template <std::size_t d>
  void go_down(std::size_t f, Passage& passage, std::vector<double>& part) const;
  template <std::size_t d>
  void solve_ordered(std::span<double> x, std::size_t n_vector, Team& team) const;
  [[nodiscard]] double* panel(std::size_t which) { return panels_.data() + panel_start_[which]; }
  [[nodiscard]] const double* panel(std::size_t which) const {
    return panels_.data() + panel_start_[which];
  }

  static constexpr std::size_t default_kept = std::size_t{1} << 29U;

  std::size_t dimension_;
  FrontTree tree_;
  bool may_keep_;
  bool is_kept_ = false;  ///< what the fronts of the last factor left is there
  std::vector<std::size_t> panel_start_;
  std::vector<std::size_t> added_start_;  ///< of what each front adds below; the last is their sum
  Array<double, 1> panels_;
  std::vector<std::unique_ptr<double[]>> left_;  ///< of each front, (n_below d)² by columns
  std::vector<std::uint8_t> is_renewed_;         ///< of each front
  std::vector<std::size_t> n_negative_;          ///< of each front
  std::vector<std::uint8_t> is_regular_;         ///< of each front
  std::vector<std::vector<Index>> subtrees_;     ///< fronts that need nothing of another subtree
  std::vector<std::vector<Index>> waves_;        ///< fronts above them; each needs earlier waves
  bool has_factor_ = false;
  double shift_ = 0;            ///< of it
  std::vector<double> values_;  ///< that it was made of
};

}  // namespace nmcx
