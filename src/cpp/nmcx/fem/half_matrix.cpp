#include "nmcx/fem/half_matrix.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "nmcx/core/error.hpp"

namespace nmcx {
namespace {

std::size_t first_right_of_diagonal(const SparsePattern& pattern, std::size_t row) {
  return static_cast<std::size_t>(pattern.diagonal[row]) + 1;
}

/// Entries right of the diagonal.
std::size_t length(const SparsePattern& pattern, std::size_t row) {
  return static_cast<std::size_t>(pattern.row_start[row + 1]) -
         first_right_of_diagonal(pattern, row);
}

}  // namespace

HalfMatrix::HalfMatrix(const SparsePattern& pattern, Team& team)
    : pattern_(&pattern),
      n_row_(pattern.size()),
      first_(((n_row_ - 1) / rows_of_block) + 2, 0),
      layers_(first_.size(), 0),
      diagonal_(n_row_) {
  std::vector<std::vector<Index>> unknowns(n_block());
  team.loop(n_block(), 1, [&](std::size_t block, std::size_t, std::size_t) {
    list_unknowns(block, unknowns[block]);
  });
  std::size_t n_entry = 0;
  for (std::size_t block = 0; block < n_block(); ++block) {
    require(unknowns[block].size() <= std::numeric_limits<std::uint16_t>::max(),
            "unknowns that meet are numbered too far from each other");
    first_[block + 1] = first_[block] + unknowns[block].size();
    unknown_.insert(unknown_.end(), unknowns[block].begin(), unknowns[block].end());
    const std::size_t n_own = begin(block + 1) - begin(block);
    const std::size_t longest = length(pattern, static_cast<std::size_t>(unknowns[block][0]));
    std::size_t n_in_layer = n_own;
    for (std::size_t layer = 0; layer < longest; ++layer) {
      layer_start_.push_back(n_entry);
      while (length(pattern, static_cast<std::size_t>(unknowns[block][n_in_layer - 1])) <= layer) {
        --n_in_layer;
      }
      n_entry += n_in_layer;
    }
    layers_[block + 1] = layer_start_.size();
  }
  layer_start_.push_back(n_entry);
  x_.resize(unknown_.size());
  y_.resize(unknown_.size());
  place_.resize(n_entry);
  values_.resize(n_entry);
  team.loop(n_block(), 1,
            [&](std::size_t block, std::size_t, std::size_t) { place_entries(block); });
  list_arrivals();
}

/// Rows of a block by falling length, then its fringe, ascending.
void HalfMatrix::list_unknowns(std::size_t block, std::vector<Index>& unknowns) const {
  const std::size_t end = begin(block + 1);
  std::vector<Index> fringe;
  for (std::size_t row = begin(block); row < end; ++row) {
    unknowns.push_back(static_cast<Index>(row));
    for (std::size_t k = 0; k < length(*pattern_, row); ++k) {
      const Index column = pattern_->column[first_right_of_diagonal(*pattern_, row) + k];
      if (std::cmp_greater_equal(column, end)) fringe.push_back(column);
    }
  }
  std::sort(unknowns.begin(), unknowns.end(), [&](Index a, Index b) {
    const std::size_t of_a = length(*pattern_, static_cast<std::size_t>(a));
    const std::size_t of_b = length(*pattern_, static_cast<std::size_t>(b));
    return of_a != of_b ? of_a > of_b : a < b;
  });
  std::sort(fringe.begin(), fringe.end());
  fringe.erase(std::unique(fringe.begin(), fringe.end()), fringe.end());
  unknowns.insert(unknowns.end(), fringe.begin(), fringe.end());
}

/// Calls call(entry, entry of the pattern) for all entries of a block.
template <class Call>
void HalfMatrix::for_each_entry(std::size_t block, const Call& call) const {
  const std::size_t n_own = begin(block + 1) - begin(block);
  for (std::size_t i = 0; i < n_own; ++i) {
    const auto row = static_cast<std::size_t>(unknown_[first_[block] + i]);
    const std::size_t from = first_right_of_diagonal(*pattern_, row);
    for (std::size_t k = 0; k < length(*pattern_, row); ++k) {
      call(layer_start_[layers_[block] + k] + i, from + k);
    }
  }
}

void HalfMatrix::place_entries(std::size_t block) {
  const std::size_t n_own = begin(block + 1) - begin(block);
  std::vector<std::uint16_t> place_of_row(n_own);
  for (std::size_t i = 0; i < n_own; ++i) {
    const auto row = static_cast<std::size_t>(unknown_[first_[block] + i]);
    place_of_row[row - begin(block)] = static_cast<std::uint16_t>(i);
  }
  const auto fringe = unknown_.begin() + static_cast<std::ptrdiff_t>(first_[block] + n_own);
  const auto end = unknown_.begin() + static_cast<std::ptrdiff_t>(first_[block + 1]);
  for_each_entry(block, [&](std::size_t entry, std::size_t of_pattern) {
    const Index column = pattern_->column[of_pattern];
    const std::size_t within = static_cast<std::size_t>(column) - begin(block);
    const auto rank = [&] { return std::lower_bound(fringe, end, column) - fringe; };
    place_[entry] = within < n_own
                        ? place_of_row[within]
                        : static_cast<std::uint16_t>(n_own + static_cast<std::size_t>(rank()));
  });
}

void HalfMatrix::list_arrivals() {
  arrival_start_.assign(n_block() + 1, 0);
  const auto owner = [](Index row) { return static_cast<std::size_t>(row) / rows_of_block; };
  const auto for_each_fringe = [&](const auto& call) {
    for (std::size_t block = 0; block < n_block(); ++block) {
      const std::size_t n_own = begin(block + 1) - begin(block);
      for (std::size_t k = first_[block] + n_own; k < first_[block + 1]; ++k) call(k);
    }
  };
  for_each_fringe([&](std::size_t k) { ++arrival_start_[owner(unknown_[k]) + 1]; });
  for (std::size_t block = 0; block < n_block(); ++block) {
    arrival_start_[block + 1] += arrival_start_[block];
  }
  arrivals_.resize(arrival_start_.back());
  std::vector<std::size_t> next(arrival_start_.begin(), arrival_start_.end() - 1);
  for_each_fringe([&](std::size_t k) {
    arrivals_[next[owner(unknown_[k])]++] = {.from = static_cast<std::uint32_t>(k),
                                             .to = unknown_[k]};
  });
}

void HalfMatrix::set_values(const SparseMatrix& matrix, Team& team) {
  team.loop(n_block(), 1, [&](std::size_t block, std::size_t, std::size_t) {
    for (std::size_t i = begin(block); i < begin(block + 1); ++i) {
      const auto row = static_cast<std::size_t>(unknown_[first_[block] + (i - begin(block))]);
      diagonal_[i] = matrix.diagonal_at(row);
    }
    for_each_entry(block, [&](std::size_t entry, std::size_t of_pattern) {
      values_[entry] = matrix.values[of_pattern];
    });
  });
}

double HalfMatrix::multiply_gathered(std::size_t block) {
  const std::size_t n_own = begin(block + 1) - begin(block);
  const std::size_t n_local = first_[block + 1] - first_[block];
  const double* local_x = x_.data() + first_[block];
  double* local_y = y_.data() + first_[block];
  const double* diagonal = diagonal_.data() + begin(block);
  for (std::size_t i = 0; i < n_own; ++i) local_y[i] = diagonal[i] * local_x[i];
  std::fill(local_y + n_own, local_y + n_local, 0.0);
  for (std::size_t layer = layers_[block]; layer < layers_[block + 1]; ++layer) {
    const std::size_t start = layer_start_[layer];
    const std::size_t n_in_layer = layer_start_[layer + 1] - start;
    const double* value = values_.data() + start;
    const std::uint16_t* place = place_.data() + start;
    for (std::size_t i = 0; i < n_in_layer; ++i) {
      const std::size_t j = place[i];
      const double here = local_x[i];
      local_y[i] += value[i] * local_x[j];
      local_y[j] += value[i] * here;
    }
  }
  double energy = 0;
  for (std::size_t i = 0; i < n_local; ++i) energy += local_x[i] * local_y[i];
  return energy;
}

void HalfMatrix::collect_block(std::size_t block, double* product) const {
  const std::size_t n_own = begin(block + 1) - begin(block);
  for (std::size_t k = first_[block]; k < first_[block] + n_own; ++k) {
    product[static_cast<std::size_t>(unknown_[k])] = y_[k];
  }
  for (std::size_t k = arrival_start_[block]; k < arrival_start_[block + 1]; ++k) {
    product[static_cast<std::size_t>(arrivals_[k].to)] += y_[arrivals_[k].from];
  }
}

}  // namespace nmcx
