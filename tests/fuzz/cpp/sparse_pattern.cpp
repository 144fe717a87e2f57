// Pattern and assembly of any groups of unknowns: corners twice, rows of all, rows of none.
#include <array>
#include <cstdint>

#include "hostile.hpp"
#include "nmcx/core/error.hpp"
#include "nmcx/fem/sparse.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  nmcx::fuzz::Bytes bytes(data, size);
  const std::size_t n_row = bytes.number(0, 60);
  std::array<nmcx::Connectivity, 2> both;
  for (nmcx::Connectivity& each : both) {
    each.n_member = bytes.number(1, 6);
    const std::size_t n_group = n_row == 0 ? 0 : bytes.number(0, 40);
    for (std::size_t i = 0; i < n_group * each.n_member; ++i) {
      each.members.push_back(static_cast<nmcx::Index>(bytes.number(0, n_row - 1)));
    }
  }
  const nmcx::Execution execution{.threads = 1, .poll = {}};
  const std::array<const nmcx::Connectivity*, 2> all{&both[0], &both[1]};
  try {
    const auto pattern = nmcx::sparse_pattern(n_row, all, execution);
    for (const nmcx::Connectivity& each : both) {
      const nmcx::Assembly assembly(pattern, each, execution);
    }
    for (int i = 0; i < 4 && n_row > 0; ++i) {
      (void)pattern.entry(static_cast<nmcx::Index>(bytes.number(0, n_row - 1)),
                          static_cast<nmcx::Index>(bytes.number(0, n_row - 1)));
    }
  } catch (const nmcx::InvalidArgument&) {
  }
  return 0;
}
