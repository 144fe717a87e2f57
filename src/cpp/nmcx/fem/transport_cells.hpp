// What one cell adds to the stiffness of diffusion.
#pragma once

#include <array>

#include "nmcx/fem/element.hpp"

namespace nmcx {

/// ∫ ∇φ_i · D ∇φ_j; the gradients add up to nothing, so that the first row and column follow.
[[gnu::always_inline]] inline std::array<double, 9> cell_stiffness(const Simplex<2>& s,
                                                                   const double* tensor) {
  const double xx = s.volume * tensor[0];
  const double xy = s.volume * tensor[1];
  const double yy = s.volume * tensor[3];
  const auto& [g0, a, b] = s.gradients;
  const double aa = (a[0] * ((xx * a[0]) + (2 * xy * a[1]))) + (yy * a[1] * a[1]);
  const double bb = (b[0] * ((xx * b[0]) + (2 * xy * b[1]))) + (yy * b[1] * b[1]);
  const double ab = (a[0] * ((xx * b[0]) + (xy * b[1]))) + (a[1] * ((xy * b[0]) + (yy * b[1])));
  const double oa = -(aa + ab);
  const double ob = -(ab + bb);
  return {-(oa + ob), oa, ob, oa, aa, ab, ob, ab, bb};
}

/// As in two dimensions.
[[gnu::always_inline]] inline std::array<double, 16> cell_stiffness(const Simplex<3>& s,
                                                                    const double* tensor) {
  const auto& [g0, a, b, c] = s.gradients;
  const auto flux = [&](const Vector<3>& g) {
    return Vector<3>{s.volume * ((tensor[0] * g[0]) + (tensor[1] * g[1]) + (tensor[2] * g[2])),
                     s.volume * ((tensor[1] * g[0]) + (tensor[4] * g[1]) + (tensor[5] * g[2])),
                     s.volume * ((tensor[2] * g[0]) + (tensor[5] * g[1]) + (tensor[8] * g[2]))};
  };
  const auto times = [](const Vector<3>& u, const Vector<3>& v) {
    return (u[0] * v[0]) + (u[1] * v[1]) + (u[2] * v[2]);
  };
  const Vector<3> flux_a = flux(a);
  const Vector<3> flux_b = flux(b);
  const double aa = times(flux_a, a);
  const double ab = times(flux_a, b);
  const double ac = times(flux_a, c);
  const double bb = times(flux_b, b);
  const double bc = times(flux_b, c);
  const double cc = times(flux(c), c);
  const double oa = -(aa + ab + ac);
  const double ob = -(ab + bb + bc);
  const double oc = -(ac + bc + cc);
  return {-(oa + ob + oc), oa, ob, oc, oa, aa, ab, ac, ob, ab, bb, bc, oc, ac, bc, cc};
}

}  // namespace nmcx
