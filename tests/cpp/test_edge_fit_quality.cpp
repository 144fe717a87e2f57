#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "nmcx/core/instruction_set.hpp"
#include "nmcx/xanes/edge_fit.hpp"
#include "nmcx/xanes/edge_fit_quality.hpp"

using namespace nmcx;
using namespace nmcx::xanes;

namespace {

const float nan_value = std::numeric_limits<float>::quiet_NaN();
const Execution serial{.threads = 1, .poll = {}};

/// Measured voxels as plain vectors, so that they can be changed and measured again.
struct Voxels {
  std::vector<float> jump, residual, noise;
  std::vector<std::uint16_t> status;
  bool noise_given = false;

  explicit Voxels(std::size_t n)
      : jump(n, 1.0F), residual(n, 1e-4F), noise(n, 0.01F), status(n, 0) {}

  /// Jumps and residuals from nothing to large, some voxels not measured or without an edge.
  static Voxels random(std::size_t n, unsigned seed) {
    Voxels voxels(n);
    std::mt19937 engine(seed);
    std::uniform_real_distribution<float> uniform;
    for (std::size_t v = 0; v < n; ++v) {
      voxels.jump[v] = uniform(engine) < 0.15F ? 0.25F * uniform(engine) : 0.6F + uniform(engine);
      voxels.residual[v] = 1e-4F * (0.5F + uniform(engine));
      if (uniform(engine) < 0.1F) voxels.residual[v] *= 40;
      voxels.noise[v] = std::sqrt(voxels.residual[v]) * (0.8F + 0.4F * uniform(engine));
      if (uniform(engine) < 0.03F) voxels.jump[v] = 0.02F * uniform(engine);
      if (uniform(engine) < 0.05F) voxels.status[v] = window_border;
      if (uniform(engine) < 0.05F) {
        voxels.status[v] = low_transmission;
        voxels.residual[v] = nan_value;
        voxels.jump[v] = nan_value;
        voxels.noise[v] = nan_value;
      }
    }
    return voxels;
  }

  [[nodiscard]] MeasuredEdges measured() const {
    const std::size_t n = jump.size();
    MeasuredEdges out{.map = {.edge_energy_ev = Array<double, 1>({n}, 8345.0),
                              .edge_energy_std_ev = Array<float, 1>({n}, 2.0F),
                              .white_line_ev = Array<double, 1>({n}, 8352.0),
                              .white_line_std_ev = Array<float, 1>({n}, 3.0F),
                              .white_line_height = Array<float, 1>({n}, 1.4F),
                              .edge_jump = Array<float, 1>({n}),
                              .noise = Array<float, 1>({n}),
                              .status = Array<std::uint16_t, 1>({n})},
                      .residual = Array<float, 1>({n}),
                      .noise_given = noise_given};
    std::copy(jump.begin(), jump.end(), out.map.edge_jump.data());
    std::copy(noise.begin(), noise.end(), out.map.noise.data());
    std::copy(status.begin(), status.end(), out.map.status.data());
    std::copy(residual.begin(), residual.end(), out.residual.data());
    return out;
  }

  [[nodiscard]] EdgeMap judged(const EdgeThresholds& limits, const std::vector<std::size_t>& volume,
                               const Execution& execution = serial) const {
    return judge(measured(), limits, volume, execution);
  }
};

bool is_small(float jump, float noise) {
  return !(jump > 0 && jump >= 5 * noise);
}

/// The neighbours of a voxel up to one step along each axis, itself among them.
struct Neighbourhood {
  std::array<std::size_t, 3> shape;

  /// Calls visit(flat index, axes along which it differs).
  template <class Visit>
  void around(std::size_t voxel, const Visit& visit) const {
    const std::array<std::size_t, 3> at{voxel / (shape[1] * shape[2]),
                                        (voxel / shape[2]) % shape[1], voxel % shape[2]};
    for (int offset = 0; offset < 27; ++offset) {
      const std::array<int, 3> step{(offset / 9) - 1, ((offset / 3) % 3) - 1, (offset % 3) - 1};
      std::size_t flat = 0;
      int n_axis = 0;
      bool inside = true;
      for (std::size_t a = 0; a < 3; ++a) {
        const int index = static_cast<int>(at[a]) + step[a];
        inside = inside && index >= 0 && index < static_cast<int>(shape[a]);
        flat = (flat * shape[a]) + static_cast<std::size_t>(std::max(0, index));
        n_axis += step[a] != 0 ? 1 : 0;
      }
      if (inside) visit(flat, n_axis);
    }
  }
};

/// What a voxel should become, by the words of `EdgeStatus`.
struct Judgement {
  std::vector<unsigned> status;
  std::vector<double> noise;
};

Judgement judged_one_by_one(const Voxels& voxels, const EdgeThresholds& limits,
                            const Neighbourhood& volume, bool alone) {
  const std::size_t n = voxels.jump.size();
  Judgement out{.status = {voxels.status.begin(), voxels.status.end()}, .noise = {}};
  std::vector<bool> usable(n);
  for (std::size_t v = 0; v < n; ++v) {
    const float own = voxels.noise_given ? voxels.noise[v] : std::sqrt(voxels.residual[v]);
    out.noise.push_back(own);
    const bool small = is_small(voxels.jump[v], own);
    usable[v] = !small && !(voxels.jump[v] < limits.least_jump);
    if ((out.status[v] & low_transmission) != 0) continue;
    if (small) {
      out.status[v] |= jump_below_noise;
    } else if (!usable[v]) {
      out.status[v] |= partial_volume;
    }
  }
  std::vector<bool> outside(n);
  for (std::size_t v = 0; v < n; ++v) {
    if ((out.status[v] & (1U | 2U | 4U)) == 0) {
      if (!alone && !voxels.noise_given) {
        double sum = 0;
        double count = 0;
        volume.around(v, [&](std::size_t other, int) {
          sum += usable[other] ? static_cast<double>(voxels.residual[other]) : 0.0;
          count += usable[other] ? 1 : 0;
        });
        out.noise[v] = std::sqrt(sum / count);
      }
      if (is_small(voxels.jump[v], static_cast<float>(out.noise[v]))) {
        out.status[v] |= jump_below_noise;
      }
      if (voxels.residual[v] > limits.largest_residual) out.status[v] |= large_residual;
    }
    outside[v] = (out.status[v] & (1U | 2U | 4U)) != 0;
  }
  for (std::size_t v = 0; v < n && !alone; ++v) {
    bool at_rim = false;
    volume.around(v, [&](std::size_t other, int n_axis) {
      at_rim = at_rim || (n_axis < 3 && outside[other]);
    });
    if (at_rim && !outside[v]) out.status[v] |= rim;
  }
  return out;
}

void check_map(const EdgeMap& map, const Judgement& wanted, bool noise_given) {
  for (std::size_t v = 0; v < wanted.status.size(); ++v) {
    BOOST_REQUIRE_EQUAL(map.status[v], wanted.status[v]);
    if ((map.status[v] & not_ok) != 0) {
      BOOST_TEST(std::isnan(map.edge_energy_ev[v]));
      BOOST_TEST(std::isnan(map.white_line_std_ev[v]));
      BOOST_TEST(std::isnan(map.edge_jump[v]) == ((map.status[v] & low_transmission) != 0));
      continue;
    }
    // Up to 27 variances are summed in single precision.
    const auto close = boost::test_tools::tolerance(3e-6);
    const auto noise = static_cast<double>(map.noise[v]);
    BOOST_TEST(noise == wanted.noise[v], close);
    BOOST_TEST(map.edge_energy_ev[v] == 8345.0);
    BOOST_TEST(map.white_line_ev[v] == 8352.0);
    BOOST_TEST(map.white_line_height[v] == 1.4F);
    const double unit = noise_given ? 1 : wanted.noise[v];
    BOOST_TEST(static_cast<double>(map.edge_energy_std_ev[v]) == 2 * unit, close);
    BOOST_TEST(static_cast<double>(map.white_line_std_ev[v]) == 3 * unit, close);
  }
}

EdgeThresholds limits_of(const Voxels& voxels) {
  return edge_thresholds(voxels.measured());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(edge_fit_quality)

BOOST_AUTO_TEST_CASE(volumes_are_judged_as_their_voxels_and_neighbours_are_one_by_one) {
  const std::vector<std::vector<std::size_t>> volumes = {{5, 6, 37}, {1, 9, 17}, {7, 1, 5},
                                                         {4, 5, 1},  {13, 19},   {1, 40}};
  for (unsigned seed = 1; seed <= 5; ++seed) {
    for (const auto& volume : volumes) {
      const Neighbourhood shape{{volume.size() == 3 ? volume[0] : 1, volume[volume.size() - 2],
                                 volume[volume.size() - 1]}};
      for (const bool noise_given : {false, true}) {
        Voxels voxels = Voxels::random(shape.shape[0] * shape.shape[1] * shape.shape[2], seed);
        voxels.noise_given = noise_given;
        const EdgeThresholds limits = limits_of(voxels);
        const Judgement wanted = judged_one_by_one(voxels, limits, shape, false);
        check_map(voxels.judged(limits, volume), wanted, noise_given);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(without_a_volume_every_voxel_stands_alone) {
  for (const bool noise_given : {false, true}) {
    Voxels voxels = Voxels::random(20'000, 1);  // several chunks
    voxels.noise_given = noise_given;
    const EdgeThresholds limits = limits_of(voxels);
    const Judgement wanted = judged_one_by_one(voxels, limits, {{1, 1, 20'000}}, true);
    check_map(voxels.judged(limits, {}), wanted, noise_given);
  }
  BOOST_TEST(Voxels(0).judged({}, {}).status.size() == 0U);
  BOOST_TEST(Voxels(0).judged({}, {0, 3, 3}).status.size() == 0U);
}

BOOST_AUTO_TEST_CASE(faces_and_edges_make_a_rim_and_corners_do_not) {
  const std::vector<std::size_t> volume{5, 5, 5};
  Voxels voxels(125);
  voxels.status[62] = low_transmission;  // the middle
  const EdgeMap map = voxels.judged({.least_jump = 0.3F, .largest_residual = 1.0F}, volume);
  int n_rim = 0;
  for (std::size_t v = 0; v < 125; ++v) n_rim += map.status[v] == rim ? 1 : 0;
  BOOST_TEST(n_rim == 6 + 12);
  BOOST_TEST(map.status[62 - 25 - 5 - 1] == 0);
  BOOST_TEST(map.status[62 - 25 - 5] == rim);
}

BOOST_AUTO_TEST_CASE(axes_exchanged_exchange_the_map) {
  const Voxels voxels = Voxels::random(4UL * 5 * 6, 3);
  Voxels turned(voxels.jump.size());
  const auto place = [](std::size_t z, std::size_t y, std::size_t x) {
    return std::array{(((z * 5) + y) * 6) + x, (((x * 4) + z) * 5) + y};
  };
  for (std::size_t z = 0; z < 4; ++z) {
    for (std::size_t y = 0; y < 5; ++y) {
      for (std::size_t x = 0; x < 6; ++x) {
        const auto [from, to] = place(z, y, x);
        turned.jump[to] = voxels.jump[from];
        turned.residual[to] = voxels.residual[from];
        turned.status[to] = voxels.status[from];
      }
    }
  }
  const EdgeThresholds limits = limits_of(voxels);
  const EdgeMap a = voxels.judged(limits, {4, 5, 6});
  const EdgeMap b = turned.judged(limits, {6, 4, 5});
  for (std::size_t z = 0; z < 4; ++z) {
    for (std::size_t y = 0; y < 5; ++y) {
      for (std::size_t x = 0; x < 6; ++x) {
        const auto [from, to] = place(z, y, x);
        BOOST_TEST(a.status[from] == b.status[to]);
        if ((a.status[from] & not_ok) == 0) {
          BOOST_TEST(a.noise[from] == b.noise[to], boost::test_tools::tolerance(1e-6F));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(threads_and_instruction_sets_change_nothing) {
  // More rows than one chunk of 2¹⁵ voxels holds: chunks begin in the middle of planes.
  const std::vector<std::size_t> volume{9, 70, 160};
  const Voxels voxels = Voxels::random(9UL * 70 * 160, 1);
  const EdgeThresholds limits = limits_of(voxels);
  const Judgement wanted = judged_one_by_one(voxels, limits, {{9, 70, 160}}, false);
  for (const InstructionSet level :
       {InstructionSet::generic, InstructionSet::v2, InstructionSet::v3, InstructionSet::v4}) {
    if (level > supported_instruction_set()) continue;
    setenv("NMCX_INSTRUCTION_SET", instruction_set_name(level).c_str(), 1);
    const EdgeMap one = voxels.judged(limits, volume);
    const EdgeMap three = voxels.judged(limits, volume, {.threads = 3, .poll = {}});
    check_map(one, wanted, false);
    for (std::size_t v = 0; v < wanted.status.size(); ++v) {
      BOOST_REQUIRE_EQUAL(three.status[v], one.status[v]);
      if (!std::isnan(one.noise[v])) BOOST_REQUIRE_EQUAL(three.noise[v], one.noise[v]);
    }
  }
  unsetenv("NMCX_INSTRUCTION_SET");
}

BOOST_AUTO_TEST_CASE(limits_are_medians_of_the_voxels_that_have_an_edge) {
  // Jumps 1 … 5, 0.2 and two of six times the noise: their lower median is 1, so that three are of
  // partial volume.
  Voxels voxels(10);
  voxels.jump = {1, 2, 3, 4, 5, 0.2F, 0.06F, 0.06F, 0.04F, 100};
  voxels.residual = {4e-4F, 1e-4F, 2e-4F, 3e-4F, 5e-4F, 1e-6F, 1e-4F, 1e-4F, 1e-4F, 1e-4F};
  voxels.status[9] = low_transmission;  // counts for nothing, and the one before is below noise
  const EdgeThresholds limits = limits_of(voxels);
  BOOST_TEST(limits.least_jump == 0.3F, boost::test_tools::tolerance(1e-6F));
  BOOST_TEST(limits.largest_residual == 9 * 3e-4F, boost::test_tools::tolerance(1e-6F));
  voxels.noise_given = true;  // 0.01 everywhere, so that 0.2 is an edge all the same
  voxels.noise[4] = 2;        // and 5 is none
  const EdgeThresholds given = limits_of(voxels);
  BOOST_TEST(given.least_jump == 0.3F, boost::test_tools::tolerance(1e-6F));
  BOOST_TEST(given.largest_residual == 9 * 2e-4F, boost::test_tools::tolerance(1e-6F));
  std::ranges::fill(voxels.status, std::uint16_t{low_transmission});
  BOOST_TEST(std::isnan(limits_of(voxels).least_jump));
  BOOST_TEST(std::isnan(limits_of(voxels).largest_residual));
}

BOOST_AUTO_TEST_CASE(large_maps_are_sampled_evenly) {
  for (const std::size_t n : {1U, 1000U, 65'535U}) BOOST_TEST(threshold_stride(n) == 1U);
  for (const std::size_t n : {65'536U, 100'000U, 10'000'000U}) {
    const std::size_t stride = threshold_stride(n);
    BOOST_TEST(n / stride >= 32'768U);
    BOOST_TEST(n / (stride + 1) < 32'768U);
  }
  // Every third voxel of 100,000 is looked at: the others may hold what they like.
  Voxels voxels(100'000);
  BOOST_REQUIRE_EQUAL(threshold_stride(100'000), 3U);
  for (std::size_t v = 0; v < voxels.jump.size(); ++v) voxels.jump[v] = v % 3 == 0 ? 2.0F : 50.0F;
  BOOST_TEST(limits_of(voxels).least_jump == 0.6F, boost::test_tools::tolerance(1e-6F));
}

BOOST_AUTO_TEST_SUITE_END()
