// The dense part of a sparse LDLᵀ: plain arrays in and out, one object file per instruction set,
// chosen at run time. All pointers are borrowed.
#pragma once

#include <cstddef>

namespace nmcx {

/// Columns of a panel that are eliminated before what is beside them hears of it.
inline constexpr std::size_t front_block = 128;

/// Rows of a product that are packed at a time.
inline constexpr std::size_t front_rows = 144;

/// Entries above the diagonal that products may overwrite.
inline constexpr std::size_t front_margin = 24;

/// The leading columns of a symmetric matrix, its panel, have a factor each: column k of the panel
/// holds, below the pivot D_k on its diagonal, what L has there. Panels are stored by columns of
/// n_row entries; what is above the diagonal means nothing.
struct FrontKernel {
  /// Numbers of workspace for products with up to `n_column` columns.
  std::size_t (*workspace)(std::size_t n_column);
  /// Eliminates the columns first … last − 1 of a panel that holds what is left of the matrix
  /// there, without pivoting.
  void (*eliminate)(double* panel, std::size_t n_row, std::size_t first, std::size_t last,
                    double* workspace);
  /// c(i, j) −= Σ_k L(row + i, k) D_k L(row + j, k), k = first … last − 1, of at most
  /// `front_block`, where i ≥ j; overwrites some of what is above.
  /// @param c (n_column × stride), n_row − row entries of each column are taken
  void (*subtract)(const double* panel, std::size_t n_row, std::size_t first, std::size_t last,
                   std::size_t row, std::size_t n_column, double* c, std::size_t stride,
                   double* workspace);
  /// x₁ ← L₁₁⁻¹ x₁ and x₂ ← x₂ − L₂₁ x₁; x has n_row entries for each of n_vector vectors, of
  /// which the first n_column belong to x₁.
  void (*forward)(const double* panel, std::size_t n_row, std::size_t n_column, double* x,
                  std::size_t n_vector);
  /// x₁ ← L₁₁⁻ᵀ (D⁻¹ x₁ − L₂₁ᵀ x₂)
  void (*backward)(const double* panel, std::size_t n_row, std::size_t n_column, double* x,
                   std::size_t n_vector);
};

extern const FrontKernel front_generic;
#if defined(__x86_64__)
extern const FrontKernel front_v3;
extern const FrontKernel front_v4;
#endif

/// The kernel of `active_instruction_set`.
const FrontKernel& active_front_kernel();

}  // namespace nmcx
