#define BOOST_TEST_MODULE nmcx
#include <boost/test/included/unit_test.hpp>
