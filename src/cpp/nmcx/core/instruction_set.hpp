// Run-time choice between the object files compiled for different x86-64 levels.
#pragma once

#include <string>

namespace nmcx {

/// x86-64 micro-architecture levels; `generic` is the only one on other machines.
enum class InstructionSet { generic = 1, v2 = 2, v3 = 3, v4 = 4 };

/// The best level this processor and operating system support.
InstructionSet supported_instruction_set();

/// The level kernels use: the supported one, or the lower one named by the environment variable
/// NMCX_INSTRUCTION_SET ("generic", "v2", "v3" or "v4"), read at each call.
/// @throws InvalidArgument if the variable names an unknown level or one this processor lacks
InstructionSet active_instruction_set();

/// "generic", "v2", "v3" or "v4".
std::string instruction_set_name(InstructionSet level);

/// Name of `active_instruction_set()`, for reports.
std::string active_instruction_set_name();

/// Name of `supported_instruction_set()`, for reports and tests.
std::string supported_instruction_set_name();

}  // namespace nmcx
