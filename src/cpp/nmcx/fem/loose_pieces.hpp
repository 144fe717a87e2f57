// Rigid motions of pieces that weak walls hold, taken out of an iteration exactly.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/block_matrix.hpp"
#include "nmcx/fem/rigid_modes.hpp"
#include "nmcx/fem/sparse.hpp"

namespace nmcx {

/// Deflation by the rigid motions Z of all grains, or pieces of them, that hang together by strong
/// couplings: a preconditioner's z becomes z + Z (ZᵀAZ)⁻¹ Zᵀ (r − A z).
///
/// A grain on walls of 1e-8 of its stiffness moves by 1e8 times what its own strains ask for, which
/// single precision cannot hold beside them. Nothing else of A Z differs from 0 than rows at weak
/// walls, so that neither forming nor applying it takes another product.
/// Tang, Nabben, Vuik & Erlangga, J. Sci. Comput. 39 (2009) 340–370: method A-DEF2.
class LoosePieces {
 public:
  /// @param matrix   blocks of 3 × 3; only read here
  /// @param bodies   rigid modes of the whole pattern
  /// @param grain    (n) of each node, apart even where walls hold them; empty: all are one
  /// @param is_fixed (3 n)
  LoosePieces(const BlockMatrix& matrix, std::span<const Index> grain,
              std::span<const double> positions, std::span<const bool> is_fixed,
              const RigidModes& bodies, Team& team);
  ~LoosePieces();
  LoosePieces(const LoosePieces&) = delete;
  LoosePieces& operator=(const LoosePieces&) = delete;

  /// Pieces, if there are more than bodies; 0 if nothing is loose.
  [[nodiscard]] std::size_t size() const { return modes_ == nullptr ? 0 : modes_->n_body(); }

  /// Whether a rigid motion of pieces has negative energy, and so the matrix.
  [[nodiscard]] bool is_indefinite() const { return is_indefinite_; }

  /// Corrects z = M⁻¹ r; not for an indefinite matrix.
  void correct(std::span<const double> r, std::span<double> z, Team& team) const;

 private:
  /// A Z at one node and for one piece.
  struct Force {
    Index node;
    Index piece;
    std::size_t first;  ///< of its values, (3 × n_mode)
  };
  struct Factor;

  void find_forces(const BlockMatrix& matrix, std::span<const bool> is_fixed);
  void factorise(double largest);

  std::unique_ptr<RigidModes> modes_;
  std::vector<Index> piece_of_node_, place_of_node_;
  std::vector<Force> forces_;
  std::vector<double> force_values_;
  std::unique_ptr<Factor> factor_;
  bool is_indefinite_ = false;
};

}  // namespace nmcx
