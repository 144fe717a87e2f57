#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "nmcx/core/error.hpp"
#include "nmcx/core/instruction_set.hpp"

BOOST_AUTO_TEST_SUITE(instruction_set)

BOOST_AUTO_TEST_CASE(the_environment_lowers_the_level_but_cannot_raise_it) {
  const nmcx::InstructionSet best = nmcx::supported_instruction_set();
  setenv("NMCX_INSTRUCTION_SET", "generic", 1);
  BOOST_TEST(nmcx::active_instruction_set_name() == "generic");
  setenv("NMCX_INSTRUCTION_SET", "avx9", 1);
  BOOST_CHECK_THROW(nmcx::active_instruction_set(), nmcx::InvalidArgument);
  if (best < nmcx::InstructionSet::v4) {
    setenv("NMCX_INSTRUCTION_SET", "v4", 1);
    BOOST_CHECK_THROW(nmcx::active_instruction_set(), nmcx::InvalidArgument);
  }
  unsetenv("NMCX_INSTRUCTION_SET");
  BOOST_CHECK(nmcx::active_instruction_set() == best);
}

BOOST_AUTO_TEST_SUITE_END()
