#include "nmcx/core/instruction_set.hpp"

#include <array>
#include <cstdlib>

#include "nmcx/core/error.hpp"

namespace nmcx {

InstructionSet supported_instruction_set() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    return InstructionSet::v4;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("bmi2")) {
    return InstructionSet::v3;
  }
  if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt")) {
    return InstructionSet::v2;
  }
#endif
  return InstructionSet::generic;
}

std::string instruction_set_name(InstructionSet level) {
  switch (level) {
    case InstructionSet::v2:
      return "v2";
    case InstructionSet::v3:
      return "v3";
    case InstructionSet::v4:
      return "v4";
    case InstructionSet::generic:
      break;
  }
  return "generic";
}

InstructionSet active_instruction_set() {
  const InstructionSet supported = supported_instruction_set();
  const char* wanted = std::getenv("NMCX_INSTRUCTION_SET");
  if (wanted == nullptr || *wanted == '\0') return supported;
  constexpr std::array levels{InstructionSet::generic, InstructionSet::v2, InstructionSet::v3,
                              InstructionSet::v4};
  for (const InstructionSet level : levels) {
    if (instruction_set_name(level) != wanted) continue;
    require(level <= supported, "NMCX_INSTRUCTION_SET=" + std::string(wanted) +
                                    " is not supported by this processor; its best is " +
                                    instruction_set_name(supported));
    return level;
  }
  throw InvalidArgument("NMCX_INSTRUCTION_SET must be generic, v2, v3 or v4, not " +
                        std::string(wanted));
}

std::string active_instruction_set_name() {
  return instruction_set_name(active_instruction_set());
}

std::string supported_instruction_set_name() {
  return instruction_set_name(supported_instruction_set());
}

}  // namespace nmcx
