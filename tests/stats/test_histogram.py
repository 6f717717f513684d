"""A histogram counts exactly, answers closely, and merges without a trace of the split."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgrpc.stats.buckets import MAX_VALUE
from loadgrpc.stats.histogram import MAX_RELATIVE_ERROR, Histogram

HOUR_NS = 3_600 * 10**9
QS = (0.0, 0.001, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)

value = st.one_of(
    st.just(0),
    st.integers(1, 10_000),
    st.integers(1, HOUR_NS),
    st.integers(0, MAX_VALUE),
    st.integers(0, 62).map(lambda power: 2**power),
    st.floats(0, 62.99).map(lambda power: int(2**power)),  # every size equally often
    st.sampled_from([1, 2**53 - 1, 2**53 + 1, 2**62 + 1, MAX_VALUE - 1, MAX_VALUE]),
)
# Lists on both sides of the size from which arrays are counted in another way, with duplicates.
values = st.one_of(
    st.lists(value, max_size=12),
    st.lists(value, min_size=30, max_size=80),
    st.lists(st.sampled_from([0, 1, 999, 1_000, 1_000_000]), max_size=60),
)


def array(numbers):
    """Whole nanoseconds as users of a histogram have them."""
    return np.array(numbers, dtype=np.int64)


def histogram(numbers):
    """A histogram of numbers added at once."""
    made = Histogram()
    made.add(array(numbers))
    return made


def merged(*parts):
    """All parts merged into an empty histogram, in their order."""
    whole = Histogram()
    for part in parts:
        whole.merge(part)
    return whole


def close(answer, exact):
    """Whether an answer keeps what the histogram promises."""
    return abs(answer - exact) <= MAX_RELATIVE_ERROR * exact + (0.5 if exact < 4_000 else 0)


@settings(max_examples=300)
@given(values.filter(bool))
def test_quantiles_are_close_to_the_exact_ones(numbers):
    """Every quantile is within 0.28 % of the nearest-rank value among the values themselves."""
    exact = np.quantile(array(numbers), QS, method="inverted_cdf").tolist()
    answers = histogram(numbers).quantiles(QS)
    assert all(map(close, answers, exact)), list(zip(QS, answers, exact, strict=True))


@pytest.mark.parametrize("spread", [0.1, 1.0, 4.0])
@pytest.mark.parametrize("middle_ns", [200, 5_000, 1_000_000, 10**11])
def test_quantiles_of_many_values_are_close_to_the_exact_ones(middle_ns, spread):
    """Of a hundred thousand values each quantile is within 0.28 %, wherever and however wide."""
    numbers = np.random.default_rng(7).lognormal(np.log(middle_ns), spread, 100_000)
    whole = np.minimum(numbers, 2.0**62).astype(np.int64)
    exact = np.quantile(whole, QS, method="inverted_cdf").tolist()
    made = Histogram()
    made.add(whole)
    assert all(map(close, made.quantiles(QS), exact))


@given(values.filter(bool))
def test_quantiles_stay_in_order_and_in_range(numbers):
    """A higher q never has a lower answer; none leaves the range; both ends are exact."""
    answers = histogram(numbers).quantiles(QS)
    assert answers == sorted(answers)
    assert answers[0] == min(numbers)
    assert answers[-1] == max(numbers)


@given(values)
def test_count_sum_and_ends_are_exact(numbers):
    """Count, sum, smallest and largest are those of the values, however huge these are."""
    made = histogram(numbers)
    assert made.count == len(numbers)
    assert made.sum_ns == sum(numbers)
    assert made.min_ns == min(numbers, default=0)
    assert made.max_ns == max(numbers, default=0)


@given(values, values)
def test_merge_commutes(left, right):
    """It does not matter which of two is merged into which."""
    assert merged(histogram(left), histogram(right)) == merged(histogram(right), histogram(left))


@given(values, values, values)
def test_merge_associates(one, two, three):
    """It does not matter which two of three are merged first."""
    a, b, c = histogram(one), histogram(two), histogram(three)
    assert merged(merged(a, b), c) == merged(a, merged(b, c))


@given(values)
def test_merge_has_an_empty(numbers):
    """An empty histogram changes nothing, on either side."""
    made = histogram(numbers)
    assert merged(made, Histogram()) == made == merged(Histogram(), made)


@given(st.lists(values, max_size=6), st.randoms(use_true_random=False))
def test_the_parts_of_any_split_merge_to_the_whole(parts, random):
    """Merged parts, in any order, equal all values added at once, and added one by one."""
    numbers = [number for part in parts for number in part]
    shuffled = random.sample(parts, len(parts))
    single = Histogram()
    for number in numbers:
        single.add(array([number]))
    whole = histogram(numbers)
    assert merged(*map(histogram, shuffled)) == whole == single
    assert merged(*map(histogram, shuffled)).quantiles(QS) == whole.quantiles(QS)


@given(values, values)
def test_merge_leaves_the_other_alone(mine, others):
    """What is merged keeps its own values, and goes its own way afterwards."""
    made, other = histogram(mine), histogram(others)
    made.merge(other)
    made.add(array([5, 0, 10**9]))
    assert other == histogram(others)


@given(values)
def test_merging_with_itself_doubles(numbers):
    """A histogram merged into itself is that of every value twice."""
    made = histogram(numbers)
    made.merge(made)
    assert made == histogram(numbers + numbers)


@given(values)
def test_a_copy_is_equal_and_apart(numbers):
    """A copy has the same values, and what is added to it does not reach the first."""
    made = histogram(numbers)
    copy = made.copy()
    assert copy == made
    copy.add(array([7]))
    assert made == histogram(numbers)
    assert copy != made


def test_histograms_differ_when_only_their_buckets_do():
    """Equal count, sum and ends do not make equal histograms."""
    assert histogram([1, 40, 60, 99]) != histogram([1, 30, 70, 99])
    assert histogram([]) != []


def test_one_to_a_hundred_by_hand():
    """Below 187 ns every bucket has one value, so the percentiles of 1 to 100 are exact."""
    made = histogram(range(1, 101))
    assert made.quantiles([0.5, 0.9, 0.95, 0.99]) == [50, 90, 95, 99]
    assert (made.count, made.sum_ns, made.min_ns, made.max_ns) == (100, 5050, 1, 100)


def test_a_bucket_by_hand():
    """The values 1,000,001 and 1,003,000 share bucket 2551, which stands for its middle.

    log2 of both times 128 is between 2551.2 and 2551.7. The bucket's whole numbers go from
    998,697 to 1,004,119 and their harmonic middle is 1,001,401.
    """
    made = histogram([1, 1_000_001, 1_003_000, 10**9])
    assert made.quantiles([0.25, 0.5, 0.75, 1]) == [1, 1_001_401, 1_001_401, 10**9]


def test_an_answer_is_never_outside_the_values():
    """The middle of a bucket gives way to the smallest and the largest value."""
    assert histogram([1_000_001] * 4).quantiles([0.5]) == [1_000_001]
    assert histogram([1_003_000] * 4).quantiles([0.5]) == [1_003_000]


def test_zeros_are_values():
    """A zero has its rank as any other value, and zeros alone have quantiles of zero."""
    assert histogram([0, 0, 0, 100]).quantiles([0.5, 0.75, 0.76]) == [0, 0, 100]
    assert histogram([0] * 40).quantiles([0, 0.5, 1]) == [0, 0, 0]
    assert histogram([0] * 40 + [9] * 60).quantiles([0.4, 0.41]) == [0, 9]


def test_an_empty_histogram_answers_zero():
    """Without values, count, sum, ends and every quantile are 0."""
    made = histogram([])
    assert made.quantiles([0, 0.5, 1]) == [0, 0, 0]
    assert (made.count, made.sum_ns, made.min_ns, made.max_ns) == (0, 0, 0, 0)


@pytest.mark.parametrize(("q", "rank"), [(0.07, 7), (0.55, 55), (0.56, 56), (0.5501, 56)])
def test_a_quantile_means_the_decimal_number_it_is_written_as(q, rank):
    """0.07 of 100 is rank 7, although 0.07 * 100 is 7.000000000000001 to a float."""
    assert histogram(range(1, 101)).quantiles([q]) == [rank]


def test_ranks_stop_at_the_ends():
    """A q outside 0 to 1 is answered with the smallest or the largest value."""
    assert histogram([3, 4, 5]).quantiles([-1, 0, 1, 2]) == [3, 3, 5, 5]


@pytest.mark.parametrize("dtype", ["int64", "uint64", "int32", "uint8", ">i8"])
@pytest.mark.parametrize("times", [1, 20])
def test_every_integer_type_counts_alike(dtype, times):
    """Width, sign and byte order of the array do not matter."""
    numbers = [0, 1, 7, 100] * times
    made = Histogram()
    made.add(np.array(numbers, dtype=dtype))
    assert made == histogram(numbers)


@pytest.mark.parametrize("times", [1, 30])
@pytest.mark.parametrize(
    "wrong", [np.array([-1]), np.array([-(2**63)]), np.array([2**63], dtype=np.uint64)]
)
def test_a_value_out_of_range_is_refused_whole(wrong, times):
    """A negative or a too large value is a ValueError, and nothing of the array is counted."""
    made = histogram([1, 2])
    with pytest.raises(ValueError, match="a duration is from 0 to"):
        made.add(np.concatenate([np.array([5] * times, dtype=wrong.dtype), wrong]))
    assert made == histogram([1, 2])


def test_fractions_are_refused():
    """An array of floats is a TypeError: nothing is rounded on the way in."""
    with pytest.raises(TypeError, match="whole nanoseconds, not float64"):
        Histogram().add(np.array([1.5]))


def test_the_array_is_read_and_left():
    """What is added is neither changed nor kept."""
    numbers = np.arange(100)
    made = Histogram()
    made.add(numbers)
    assert numbers.tolist() == list(range(100))
    numbers[:] = 10**9
    assert made == histogram(range(100))


def test_a_histogram_has_no_hash():
    """It changes, so it is no key."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(Histogram())


def test_sums_go_beyond_64_bits():
    """A thousand of the largest value sum to what they sum to."""
    made = histogram([MAX_VALUE] * 1_000)
    twice = merged(made, made)
    assert made.sum_ns == 1_000 * MAX_VALUE
    assert twice.sum_ns == 2_000 * MAX_VALUE
    assert twice.quantiles([0.5]) == [MAX_VALUE]
