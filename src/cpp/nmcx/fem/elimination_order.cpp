#include "nmcx/fem/elimination_order.hpp"

#include <Eigen/OrderingMethods>
#include <Eigen/SparseCore>
#include <algorithm>

#include "nmcx/fem/nested_dissection.hpp"

namespace nmcx {
namespace {

std::vector<Index> minimum_degree(const SparsePattern& pattern) {
  const auto n = static_cast<Index>(pattern.size());
  Eigen::SparseMatrix<double, Eigen::ColMajor, Index> graph(n, n);
  graph.resizeNonZeros(static_cast<Eigen::Index>(pattern.column.size()));
  std::copy(pattern.row_start.begin(), pattern.row_start.end(), graph.outerIndexPtr());
  std::copy(pattern.column.begin(), pattern.column.end(), graph.innerIndexPtr());
  std::fill_n(graph.valuePtr(), pattern.column.size(), 1.0);
  Eigen::PermutationMatrix<Eigen::Dynamic, Eigen::Dynamic, Index> place;
  Eigen::AMDOrdering<Index>()(graph, place);
  return {place.indices().data(), place.indices().data() + n};
}

}  // namespace

EliminationTree elimination_tree(const SparsePattern& pattern, std::span<const Index> order) {
  const std::size_t n = order.size();
  std::vector<Index> place(n);
  for (std::size_t i = 0; i < n; ++i) {
    place[static_cast<std::size_t>(order[i])] = static_cast<Index>(i);
  }
  // Row by row: entries of the factor are on the paths from the matrix's own up the elimination
  // tree (J. W. H. Liu, SIAM J. Matrix Anal. Appl. 11 (1990) 134).
  constexpr Index none = EliminationTree::none;
  EliminationTree tree{.parent = std::vector<Index>(n, none),
                       .n_entry = std::vector<std::size_t>(n, 1)};
  std::vector<Index> seen(n, none);
  for (std::size_t i = 0; i < n; ++i) {
    const auto row = static_cast<Index>(i);
    const auto node = static_cast<std::size_t>(order[i]);
    seen[i] = row;
    for (Index k = pattern.row_start[node]; k < pattern.row_start[node + 1]; ++k) {
      const auto column = static_cast<std::size_t>(pattern.column[static_cast<std::size_t>(k)]);
      for (Index at = place[column]; at < row && seen[static_cast<std::size_t>(at)] != row;
           at = tree.parent[static_cast<std::size_t>(at)]) {
        const auto j = static_cast<std::size_t>(at);
        if (tree.parent[j] == none) tree.parent[j] = row;
        ++tree.n_entry[j];
        seen[j] = row;
      }
    }
  }
  return tree;
}

double factorisation_cost(const SparsePattern& pattern, std::span<const Index> order) {
  double cost = 0;
  for (const std::size_t n : elimination_tree(pattern, order).n_entry) {
    cost += static_cast<double>(n) * static_cast<double>(n);
  }
  return cost;
}

std::vector<Index> elimination_order(const SparsePattern& pattern,
                                     std::span<const double> positions, std::size_t dimension) {
  std::vector<Index> dissected = nested_dissection(pattern, positions, dimension);
  std::vector<Index> least = minimum_degree(pattern);
  const bool is_dissected =
      factorisation_cost(pattern, dissected) <= factorisation_cost(pattern, least);
  return is_dissected ? dissected : least;
}

}  // namespace nmcx
