"""Right programs as people and models write them, each with its tests: no judge may find fault with one of them.

A program is followed by its tests: calls as in a doctest, or what a whole program reads (``<<<``) and prints. The
styles are those of the usual sets; the programs were made for this file.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from heldout.sandbox import Attempt, HiddenTest, StdinTest, Test

_HEAD = re.compile(r"^### (.+)$", re.M)
_CALL = re.compile(r"^>>> (?P<call>.+)\n(?P<expected>.+)$", re.M)
_RUN = re.compile(r"^<<< (?P<text>.+)\n(?P<expected>.+)$", re.M)


@dataclass(frozen=True, slots=True)
class Honest:
    """A right program."""

    style: str  # the set in whose manner it is written
    name: str
    attempt: Attempt


def programs() -> tuple[Honest, ...]:
    """All of them."""
    return tuple(one for style, text in STYLES.items() for one in _read(style, text))


def _read(style: str, text: str) -> Iterator[Honest]:
    _, *parts = _HEAD.split(text)
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        calls, runs = list(_CALL.finditer(body)), list(_RUN.finditer(body))
        first = min(one.start() for one in [*calls, *runs])
        tests: list[HiddenTest] = [_test(one["call"], one["expected"]) for one in calls]
        tests += [StdinTest(ast.literal_eval(one["text"]), ast.literal_eval(one["expected"])) for one in runs]
        entry = _entry(calls[0]["call"]) if calls else ""
        yield Honest(style, name, Attempt(body[:first].lstrip("\n"), entry, tests))


def _entry(call: str) -> str:
    parsed = ast.parse(call, mode="eval").body
    assert isinstance(parsed, ast.Call)
    return ast.unparse(parsed.func)


def _test(call: str, expected: str) -> Test:
    parsed = ast.parse(call, mode="eval").body
    assert isinstance(parsed, ast.Call)
    arguments = tuple(ast.literal_eval(one) for one in parsed.args)
    keywords = {str(one.arg): ast.literal_eval(one.value) for one in parsed.keywords}
    return Test(arguments, ast.literal_eval(expected), keywords)


HUMAN_EVAL = r'''
### closest pair
from typing import List


def closest_pair(numbers: List[float]) -> List[float]:
    """Return the two numbers that are closest to each other, in order."""
    ordered = sorted(numbers)
    best = None
    for a, b in zip(ordered, ordered[1:]):
        if best is None or b - a < best[1] - best[0]:
            best = (a, b)
    return list(best)
>>> closest_pair([1.0, 2.5, 2.75, 9.0])
[2.5, 2.75]
>>> closest_pair([5.0, 1.0])
[1.0, 5.0]

### balanced groups
def groups(text):
    result, current, depth = [], [], 0
    for c in text.replace(" ", ""):
        current.append(c)
        depth += 1 if c == "(" else -1
        if depth == 0:
            result.append("".join(current))
            current.clear()
    return result
>>> groups("( ) (( )) (( )( ))")
['()', '(())', '(()())']
>>> groups("")
[]

### mean absolute deviation
def deviation(xs):
    mean = sum(xs) / len(xs)
    return sum(abs(x - mean) for x in xs) / len(xs)
>>> deviation([1.0, 2.0, 3.0, 4.0])
1.0
>>> deviation([7])
0.0

### is prime
def is_prime(n):
    if n < 2:
        return False
    for k in range(2, int(n ** 0.5) + 1):
        if n % k == 0:
            return False
    return True
>>> is_prime(7919)
True
>>> is_prime(7917)
False
>>> is_prime(1)
False

### roman
def roman(number):
    values = [1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1]
    names = ["m", "cm", "d", "cd", "c", "xc", "l", "xl", "x", "ix", "v", "iv", "i"]
    out = ""
    for v, n in zip(values, names):
        while number >= v:
            out += n
            number -= v
    return out
>>> roman(1994)
'mcmxciv'
>>> roman(4)
'iv'

### anagram groups by counts
from collections import Counter


def most_frequent(text):
    counts = Counter(text.split())
    if not counts:
        return {}
    most = max(counts.values())
    return {word: n for word, n in counts.items() if n == most}
>>> most_frequent("a b c a b")
{'a': 2, 'b': 2}
>>> most_frequent("")
{}

### polynomial root
import math


def poly(xs, x):
    return sum(c * math.pow(x, i) for i, c in enumerate(xs))


def find_zero(xs):
    low, high = -1.0, 1.0
    while poly(xs, low) * poly(xs, high) > 0:
        low *= 2.0
        high *= 2.0
    while high - low > 1e-10:
        middle = (low + high) / 2.0
        if poly(xs, middle) * poly(xs, low) > 0:
            low = middle
        else:
            high = middle
    return round(low, 6)
>>> find_zero([-6.0, 11.0, -6.0, 1.0])
1.0
>>> find_zero([1.0, 2.0])
-0.5

### fibonacci of four
def fib4(n: int):
    results = [0, 0, 2, 0]
    if n < 4:
        return results[n]
    for _ in range(4, n + 1):
        results.append(results[-1] + results[-2] + results[-3] + results[-4])
        results.pop(0)
    return results[-1]
>>> fib4(10)
104
>>> fib4(2)
2

### caesar
def encode_shift(s: str):
    return "".join([chr(((ord(ch) + 5 - ord("a")) % 26) + ord("a")) for ch in s])


def decode_shift(s: str):
    return "".join([chr(((ord(ch) - 5 - ord("a")) % 26) + ord("a")) for ch in s])
>>> decode_shift('mjqqt')
'hello'
>>> decode_shift('')
''

### sort third
def sort_third(l: list):
    l = list(l)
    l[::3] = sorted(l[::3])
    return l
>>> sort_third([5, 6, 3, 4, 8, 9, 2])
[2, 6, 3, 4, 8, 9, 5]
>>> sort_third([1, 2])
[1, 2]

### hash of text
def string_to_md5(text):
    import hashlib
    return hashlib.md5(text.encode("ascii")).hexdigest() if text else None
>>> string_to_md5('Hello world')
'3e25960a79dbc69b674cd4ec67a72c62'
>>> string_to_md5('')
None

### words with vowels
def vowels_count(s):
    n = sum(1 for c in s if c in "aeiouAEIOU")
    if s and (s[-1] == "y" or s[-1] == "Y"):
        n += 1
    return n
>>> vowels_count("ACEDY")
3
>>> vowels_count("rhythm")
0

### circular shift
def circular_shift(x, shift):
    s = str(x)
    return s[::-1] if shift > len(s) else s[len(s) - shift:] + s[:len(s) - shift]
>>> circular_shift(12, 1)
'21'
>>> circular_shift(12, 3)
'21'

### order of planets
def between(a, b):
    planets = ("Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune")
    if a not in planets or b not in planets or a == b:
        return ()
    i, j = planets.index(a), planets.index(b)
    return planets[min(i, j) + 1 : max(i, j)]
>>> between("Jupiter", "Neptune")
('Saturn', 'Uranus')
>>> between("Earth", "Pluto")
()

### valid date
def valid_date(date):
    try:
        month, day, year = map(int, date.strip().split("-"))
    except ValueError:
        return False
    days = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return 1 <= month <= 12 and 1 <= day <= days[month - 1]
>>> valid_date('03-11-2000')
True
>>> valid_date('15-01-2012')
False
>>> valid_date('06/04/2020')
False

### sum of squares of digits
from functools import reduce


def digits(n):
    return reduce(lambda total, d: total + int(d) ** 2, str(abs(n)), 0)
>>> digits(-123)
14

### minimum path
def min_path(grid, k):
    n = len(grid)
    val = n * n + 1
    for i in range(n):
        for j in range(n):
            if grid[i][j] == 1:
                beside = ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1))
                val = min(grid[a][b] for a, b in beside if 0 <= a < n and 0 <= b < n)
    return [1 if i % 2 == 0 else val for i in range(k)]
>>> min_path([[1, 2, 3], [4, 5, 6], [7, 8, 9]], 3)
[1, 2, 1]

### tribonacci by memory
from functools import lru_cache


@lru_cache(maxsize=None)
def tri(n):
    if n in (0, 1):
        return n
    if n == 2:
        return 1
    return tri(n - 1) + tri(n - 2) + tri(n - 3)
>>> tri(25)
1389537

### simplify fractions
from fractions import Fraction


def simplify(x, n):
    return (Fraction(x) * Fraction(n)).denominator == 1
>>> simplify("1/5", "5/1")
True
>>> simplify("7/10", "10/2")
False

### file names
import re


def file_name_check(name):
    return "Yes" if re.fullmatch(r"[A-Za-z][^.0-9]*(?:\d[^.0-9]*){0,3}\.(txt|exe|dll)", name) else "No"
>>> file_name_check("example.txt")
'Yes'
>>> file_name_check("1example.dll")
'No'

### bracket matching with a class
class Stack:
    def __init__(self):
        self._items = []

    def push(self, item):
        self._items.append(item)

    def pop(self):
        return self._items.pop() if self._items else None

    def __len__(self):
        return len(self._items)


def matched(text):
    stack, pairs = Stack(), {")": "(", "]": "[", "}": "{"}
    for c in text:
        if c in "([{":
            stack.push(c)
        elif c in pairs and stack.pop() != pairs[c]:
            return False
    return len(stack) == 0
>>> matched("{[()]}")
True
>>> matched("(]")
False
>>> matched("((")
False

### generator of primes
def primes():
    found = []
    n = 2
    while True:
        if all(n % p for p in found):
            found.append(n)
            yield n
        n += 1


def first_primes(k):
    source = primes()
    return [next(source) for _ in range(k)]
>>> first_primes(8)
[2, 3, 5, 7, 11, 13, 17, 19]

### next over a generator expression
def first_even(xs, default=None):
    return next((x for x in xs if x % 2 == 0), default)
>>> first_even([1, 3, 6, 8])
6
>>> first_even([1, 3], default=-1)
-1

### factor counts
def factorize(n):
    factors = []
    i = 2
    while i * i <= n:
        while not n % i:
            factors.append(i)
            n //= i
        i += 1
    if n > 1:
        factors.append(n)
    return factors
>>> factorize(8100)
[2, 2, 3, 3, 3, 3, 5, 5]

### word order by custom key
def by_ones(xs):
    return sorted(xs, key=lambda x: (bin(x).count("1"), x))
>>> by_ones([1, 5, 2, 3, 4])
[1, 2, 4, 3, 5]

### median with statistics
import statistics


def median(xs):
    return float(statistics.median(xs))
>>> median([3, 1, 2, 4])
2.5
'''

MBPP = r"""
### smallest of a heap
import heapq as hq


def heap_queue_smallest(nums, n):
    return hq.nsmallest(n, nums)
>>> heap_queue_smallest([25, 35, 22, 85, 14, 65, 75, 25, 58], 3)
[14, 22, 25]

### merge dictionaries
import collections as ct


def merge(a, b):
    return dict(ct.ChainMap({}, a, b))
>>> merge({"R": "Red"}, {"B": "Black", "R": "Rose"})
{'B': 'Black', 'R': 'Red'}

### remove first and last
def remove_occ(s, ch):
    for i in range(len(s)):
        if s[i] == ch:
            s = s[0:i] + s[i + 1:]
            break
    for i in range(len(s) - 1, -1, -1):
        if s[i] == ch:
            s = s[0:i] + s[i + 1:]
            break
    return s
>>> remove_occ("hello", "l")
'heo'

### matrix by diagonal
def diagonal(matrix):
    return [matrix[i][i] for i in range(len(matrix))]
>>> diagonal([[1, 2], [3, 4]])
[1, 4]

### delete in place
def drop_every(xs, n):
    xs = xs[:]
    del xs[n - 1 :: n]
    return xs
>>> drop_every([1, 2, 3, 4, 5, 6, 7], 3)
[1, 2, 4, 5, 7]

### bell number
def bell(n):
    row = [1]
    for _ in range(n):
        new = [row[-1]]
        for x in row:
            new.append(new[-1] + x)
        row = new
    return row[0]
>>> bell(10)
115975

### tuples to set
def unique_sorted(pairs):
    return sorted({tuple(sorted(pair)) for pair in pairs})
>>> unique_sorted([(3, 1), (1, 3), (2, 2)])
[(1, 3), (2, 2)]

### set difference
def only_left(a, b):
    return set(a) - set(b)
>>> only_left([1, 2, 3], [2])
{1, 3}

### shortest common supersequence
def super_seq(X, Y, m, n):
    if not m:
        return n
    if not n:
        return m
    if X[m - 1] == Y[n - 1]:
        return 1 + super_seq(X, Y, m - 1, n - 1)
    return 1 + min(super_seq(X, Y, m - 1, n), super_seq(X, Y, m, n - 1))
>>> super_seq("AGGTAB", "GXTXAYB", 6, 7)
9

### regex on words
import re


def text_match(text):
    return "Found" if re.search(r"ab{2,3}", text) else "Not matched"
>>> text_match("aabbbbc")
'Found'
>>> text_match("ac")
'Not matched'

### snake to camel
def snake_to_camel(word):
    return "".join(x.capitalize() or "_" for x in word.split("_"))
>>> snake_to_camel("python_program")
'PythonProgram'

### combinations
from itertools import combinations


def triples(xs, total):
    return [c for c in combinations(xs, 3) if sum(c) == total]
>>> triples([1, 2, 3, 4, 5], 9)
[(1, 3, 5), (2, 3, 4)]

### group by
from itertools import groupby


def encode(xs):
    return [[len(list(group)), key] for key, group in groupby(xs)]
>>> encode("aabccc")
[[2, 'a'], [1, 'b'], [3, 'c']]

### most common with ties
from collections import Counter


def top(words, n):
    return Counter(words).most_common(n)
>>> top(["r", "g", "r", "b", "g", "r"], 2)
[('r', 3), ('g', 2)]

### complex numbers
import cmath


def polar(a, b):
    r, phi = cmath.polar(complex(a, b))
    return round(r, 4), round(phi, 4)
>>> polar(3, 4)
(5.0, 0.9273)

### dates
from datetime import date, timedelta


def add_days(y, m, d, n):
    return (date(y, m, d) + timedelta(days=n)).isoformat()
>>> add_days(2024, 2, 28, 2)
'2024-03-01'

### iso week
import datetime


def week(y, m, d):
    return datetime.date(y, m, d).isocalendar()[1]
>>> week(2021, 1, 4)
1

### lambda and map
square_nums = lambda nums: list(map(lambda x: x ** 2, nums))
>>> square_nums([1, 2, 3])
[1, 4, 9]

### bisect
import bisect


def insert_at(xs, x):
    return bisect.bisect_left(xs, x), bisect.bisect_right(xs, x)
>>> insert_at([1, 2, 2, 3], 2)
(1, 3)

### bit tricks
def lone(xs):
    out = 0
    for x in xs:
        out ^= x
    return out
>>> lone([4, 1, 2, 1, 2])
4

### modular inverse
def inverse(a, m):
    return pow(a, -1, m)
>>> inverse(3, 7)
5

### nested lists flattened
def flatten(xs):
    out = []
    for x in xs:
        if isinstance(x, list):
            out.extend(flatten(x))
        else:
            out.append(x)
    return out
>>> flatten([1, [2, [3, []]], 4])
[1, 2, 3, 4]

### generator with yield from
def leaves(tree):
    if isinstance(tree, tuple):
        for branch in tree:
            yield from leaves(branch)
    else:
        yield tree


def fringe(tree):
    return list(leaves(tree))
>>> fringe(((1, 2), (3, (4,))))
[1, 2, 3, 4]

### translate
def no_vowels(text):
    return text.translate(str.maketrans("", "", "aeiou"))
>>> no_vowels("education")
'dctn'

### string constants
import string


def only_letters(text):
    return "".join(c for c in text if c in string.ascii_letters)
>>> only_letters("a1-B2")
'aB'

### default dictionary
from collections import defaultdict


def grouped(pairs):
    out = defaultdict(list)
    for key, value in pairs:
        out[key].append(value)
    return dict(out)
>>> grouped([("x", 1), ("y", 2), ("x", 3)])
{'x': [1, 3], 'y': [2]}

### gcd of many
from functools import reduce
from math import gcd


def gcd_all(xs):
    return reduce(gcd, xs)
>>> gcd_all([12, 18, 30])
6

### exceptions of one's own
class Negative(ValueError):
    pass


def root(x):
    try:
        if x < 0:
            raise Negative(x)
        return x ** 0.5
    except Negative as error:
        return f"no root of {error.args[0]}"
>>> root(9)
3.0
>>> root(-4)
'no root of -4'

### ordered by two keys
from operator import itemgetter


def ranked(rows):
    return sorted(rows, key=itemgetter(1, 0), reverse=True)
>>> ranked([("a", 2), ("b", 3), ("c", 2)])
[('b', 3), ('c', 2), ('a', 2)]

### named tuples inside
from collections import namedtuple

Point = namedtuple("Point", "x y")


def farthest(points):
    named = [Point(*p) for p in points]
    best = max(named, key=lambda p: p.x ** 2 + p.y ** 2)
    return [best.x, best.y]
>>> farthest([(1, 2), (3, 4), (0, 0)])
[3, 4]

### formats
def table_row(name, value, share):
    return f"{name:<6}|{value:>5d}|{share:7.2%}|{value:#x}"
>>> table_row("ab", 42, 0.125)
'ab    |   42| 12.50%|0x2a'
"""

LEET_CODE = r"""
### two sum
from typing import List


class Solution:
    def twoSum(self, nums: List[int], target: int) -> List[int]:
        seen = {}
        for i, n in enumerate(nums):
            if target - n in seen:
                return [seen[target - n], i]
            seen[n] = i
        return []
>>> Solution().twoSum([2, 7, 11, 15], 9)
[0, 1]
>>> Solution().twoSum(nums=[3, 3], target=6)
[0, 1]

### longest substring
class Solution:
    def lengthOfLongestSubstring(self, s: str) -> int:
        last, start, best = {}, 0, 0
        for i, c in enumerate(s):
            if last.get(c, -1) >= start:
                start = last[c] + 1
            last[c] = i
            best = max(best, i - start + 1)
        return best
>>> Solution().lengthOfLongestSubstring("abcabcbb")
3

### median of two arrays
class Solution:
    def findMedianSortedArrays(self, a, b):
        merged = sorted(a + b)
        n = len(merged)
        return (merged[n // 2] + merged[~(n // 2)]) / 2
>>> Solution().findMedianSortedArrays([1, 3], [2])
2.0

### valid parentheses by deque
from collections import deque


class Solution:
    def isValid(self, s: str) -> bool:
        stack = deque()
        for c in s:
            match c:
                case "(":
                    stack.append(")")
                case "[":
                    stack.append("]")
                case "{":
                    stack.append("}")
                case _:
                    if not stack or stack.pop() != c:
                        return False
        return not stack
>>> Solution().isValid("()[]{}")
True
>>> Solution().isValid("(]")
False

### merge k lists by a heap
import heapq
from typing import List


class Solution:
    def mergeKLists(self, lists: List[List[int]]) -> List[int]:
        heap = [(row[0], i, 0) for i, row in enumerate(lists) if row]
        heapq.heapify(heap)
        out = []
        while heap:
            value, i, j = heapq.heappop(heap)
            out.append(value)
            if j + 1 < len(lists[i]):
                heapq.heappush(heap, (lists[i][j + 1], i, j + 1))
        return out
>>> Solution().mergeKLists([[1, 4, 5], [1, 3, 4], [2, 6]])
[1, 1, 2, 3, 4, 4, 5, 6]

### n queens
class Solution:
    def totalNQueens(self, n: int) -> int:
        def place(row, cols, left, right):
            if row == n:
                return 1
            count = 0
            for c in range(n):
                if c not in cols and row - c not in left and row + c not in right:
                    count += place(row + 1, cols | {c}, left | {row - c}, right | {row + c})
            return count

        return place(0, frozenset(), frozenset(), frozenset())
>>> Solution().totalNQueens(6)
4

### islands by depth first search
class Solution:
    def numIslands(self, grid):
        grid = [list(row) for row in grid]
        rows, cols = len(grid), len(grid[0])

        def sink(r, c):
            if 0 <= r < rows and 0 <= c < cols and grid[r][c] == "1":
                grid[r][c] = "0"
                for a, b in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                    sink(r + a, c + b)

        count = 0
        for r in range(rows):
            for c in range(cols):
                if grid[r][c] == "1":
                    count += 1
                    sink(r, c)
        return count
>>> Solution().numIslands(["11000", "11000", "00100", "00011"])
3

### coin change
class Solution:
    def coinChange(self, coins, amount):
        best = [0] + [float("inf")] * amount
        for x in range(1, amount + 1):
            best[x] = min((best[x - c] + 1 for c in coins if c <= x), default=float("inf"))
        return best[amount] if best[amount] != float("inf") else -1
>>> Solution().coinChange([1, 2, 5], 11)
3
>>> Solution().coinChange([2], 3)
-1

### word break with memory
from functools import cache


class Solution:
    def wordBreak(self, s, words):
        @cache
        def can(i):
            return i == len(s) or any(s.startswith(w, i) and can(i + len(w)) for w in words)

        return can(0)
>>> Solution().wordBreak("leetcode", ["leet", "code"])
True
>>> Solution().wordBreak("catsandog", ["cats", "dog", "sand", "and", "cat"])
False

### course order
from collections import defaultdict, deque


class Solution:
    def findOrder(self, n, pairs):
        after, needs = defaultdict(list), [0] * n
        for a, b in pairs:
            after[b].append(a)
            needs[a] += 1
        ready = deque(i for i in range(n) if not needs[i])
        out = []
        while ready:
            one = ready.popleft()
            out.append(one)
            for other in after[one]:
                needs[other] -= 1
                if not needs[other]:
                    ready.append(other)
        return out if len(out) == n else []
>>> Solution().findOrder(4, [[1, 0], [2, 0], [3, 1], [3, 2]])
[0, 1, 2, 3]

### linked list
from typing import Optional


class ListNode:
    def __init__(self, val=0, next=None):
        self.val = val
        self.next = next


class Solution:
    def reverse(self, head: Optional[ListNode]) -> Optional[ListNode]:
        previous = None
        while head:
            head.next, previous, head = previous, head, head.next
        return previous


def reversed_values(values):
    head = None
    for v in reversed(values):
        head = ListNode(v, head)
    node, out = Solution().reverse(head), []
    while node:
        out.append(node.val)
        node = node.next
    return out
>>> reversed_values([1, 2, 3])
[3, 2, 1]

### binary tree with a dataclass
from dataclasses import dataclass


@dataclass
class Node:
    key: int
    left: "Node" = None
    right: "Node" = None

    def insert(self, key):
        side = "left" if key < self.key else "right"
        child = getattr(self, side)
        if child is None:
            setattr(self, side, Node(key))
        else:
            child.insert(key)

    def walk(self):
        if self.left:
            yield from self.left.walk()
        yield self.key
        if self.right:
            yield from self.right.walk()


def tree_sort(keys):
    root = Node(keys[0])
    for key in keys[1:]:
        root.insert(key)
    return list(root.walk())
>>> tree_sort([4, 2, 6, 1, 3])
[1, 2, 3, 4, 6]

### trie
class TrieNode:
    __slots__ = ("children", "end")

    def __init__(self):
        self.children = {}
        self.end = False


class Trie:
    def __init__(self):
        self.root = TrieNode()

    def insert(self, word):
        node = self.root
        for c in word:
            node = node.children.setdefault(c, TrieNode())
        node.end = True

    def search(self, word):
        node = self.root
        for c in word:
            if c not in node.children:
                return False
            node = node.children[c]
        return node.end


def lookup(words, asked):
    trie = Trie()
    for w in words:
        trie.insert(w)
    return [trie.search(w) for w in asked]
>>> lookup(["apple", "app"], ["app", "ap", "apple"])
[True, False, True]

### least recently used cache by inheritance
from collections import OrderedDict


class LRU(OrderedDict):
    def __init__(self, size):
        super().__init__()
        self.size = size

    def put(self, key, value):
        self[key] = value
        self.move_to_end(key)
        if len(self) > self.size:
            self.popitem(last=False)


def kept(size, keys):
    cache = LRU(size)
    for k in keys:
        cache.put(k, k)
    return list(cache)
>>> kept(2, [1, 2, 1, 3])
[1, 3]

### rotate in place
class Solution:
    def rotate(self, matrix):
        matrix[:] = [list(row)[::-1] for row in zip(*matrix)]
        return matrix
>>> Solution().rotate([[1, 2], [3, 4]])
[[3, 1], [4, 2]]

### union find
class DSU:
    def __init__(self, n):
        self.parent = list(range(n))

    def find(self, x):
        while self.parent[x] != x:
            self.parent[x] = self.parent[self.parent[x]]
            x = self.parent[x]
        return x

    def union(self, a, b):
        a, b = self.find(a), self.find(b)
        if a == b:
            return False
        self.parent[a] = b
        return True


class Solution:
    def components(self, n, edges):
        dsu = DSU(n)
        return n - sum(dsu.union(a, b) for a, b in edges)
>>> Solution().components(5, [[0, 1], [1, 2], [3, 4]])
2

### shortest path
import heapq


class Solution:
    def networkDelayTime(self, times, n, k):
        graph = {i: [] for i in range(1, n + 1)}
        for u, v, w in times:
            graph[u].append((v, w))
        queue, done = [(0, k)], {}
        while queue:
            d, u = heapq.heappop(queue)
            if u in done:
                continue
            done[u] = d
            for v, w in graph[u]:
                if v not in done:
                    heapq.heappush(queue, (d + w, v))
        return max(done.values()) if len(done) == n else -1
>>> Solution().networkDelayTime([[2, 1, 1], [2, 3, 1], [3, 4, 1]], 4, 2)
2

### spiral
class Solution:
    def spiralOrder(self, matrix):
        out = []
        while matrix:
            out += matrix.pop(0)
            matrix = [list(row) for row in zip(*matrix)][::-1]
        return out
>>> Solution().spiralOrder([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
[1, 2, 3, 6, 9, 8, 7, 4, 5]

### operators of one's own
class Vector:
    def __init__(self, *xs):
        self.xs = xs

    def __add__(self, other):
        return Vector(*(a + b for a, b in zip(self.xs, other.xs)))

    def __eq__(self, other):
        return self.xs == other.xs

    def __repr__(self):
        return f"Vector{self.xs}"


def add_all(rows):
    total = Vector(0, 0)
    for row in rows:
        total = total + Vector(*row)
    return repr(total), total == Vector(*map(sum, zip(*rows)))
>>> add_all([[1, 2], [3, 4]])
('Vector(4, 6)', True)

### property and class methods
class Temperature:
    scale = 9 / 5

    def __init__(self, celsius):
        self._celsius = celsius

    @property
    def fahrenheit(self):
        return self._celsius * self.scale + 32

    @classmethod
    def freezing(cls):
        return cls(0)

    @staticmethod
    def name():
        return "T"


def fahrenheits(values):
    return [Temperature(v).fahrenheit for v in values] + [Temperature.freezing().fahrenheit, Temperature.name()]
>>> fahrenheits([100])
[212.0, 32.0, 'T']

### abstract shapes
from abc import ABC, abstractmethod
import math


class Shape(ABC):
    @abstractmethod
    def area(self):
        ...


class Square(Shape):
    def __init__(self, a):
        self.a = a

    def area(self):
        return self.a ** 2


class Circle(Shape):
    def __init__(self, r):
        self.r = r

    def area(self):
        return round(math.pi * self.r ** 2, 2)


def areas(shapes):
    kinds = {"square": Square, "circle": Circle}
    return [kinds[kind](size).area() for kind, size in shapes]
>>> areas([("square", 2), ("circle", 1)])
[4, 3.14]

### permutations by backtracking
class Solution:
    def permute(self, nums):
        result = []

        def backtrack(path, left):
            if not left:
                result.append(path[:])
                return
            for i in range(len(left)):
                path.append(left[i])
                backtrack(path, left[:i] + left[i + 1 :])
                path.pop()

        backtrack([], nums)
        return result
>>> Solution().permute([1, 2, 3])
[[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]]

### deep recursion
import sys

sys.setrecursionlimit(10**6)


def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)
>>> depth(5000)
5000

### counts of a calculator
class Solution:
    def calculate(self, s):
        stack, number, sign = [], 0, "+"
        for i, c in enumerate(s + "+"):
            if c.isdigit():
                number = number * 10 + int(c)
            elif c != " ":
                if sign == "+":
                    stack.append(number)
                elif sign == "-":
                    stack.append(-number)
                elif sign == "*":
                    stack.append(stack.pop() * number)
                else:
                    stack.append(int(stack.pop() / number))
                number, sign = 0, c
        return sum(stack)
>>> Solution().calculate("3+2*2 - 7/2")
4
"""

STDIN = r"""
### sum of a line
n = int(input())
print(sum(map(int, input().split())))
<<< "3\n1 2 3\n"
"6\n"

### main guard
def main():
    a, b = map(int, input().split())
    print(a + b)


if __name__ == "__main__":
    main()
<<< "2 3\n"
"5\n"

### all of stdin at once
import sys

data = sys.stdin.read().split()
n, rest = int(data[0]), list(map(int, data[1:]))
print(max(rest[:n]), min(rest[:n]))
<<< "4\n3 9 -1 4\n"
"9 -1\n"

### bytes of stdin
import sys

input = sys.stdin.buffer.readline
t = int(input())
for _ in range(t):
    n = int(input())
    xs = list(map(int, input().split()))
    print(sum(xs) % n)
<<< "2\n3\n1 2 3\n2\n5 6\n"
"0\n1\n"

### lines until the end
import sys

for line in sys.stdin:
    print(line.strip()[::-1])
<<< "abc\ndef\n"
"cba\nfed\n"

### output joined once
import sys


def solve():
    it = iter(sys.stdin.read().split())
    out = []
    for _ in range(int(next(it))):
        a = int(next(it))
        out.append("YES" if a % 2 == 0 else "NO")
    sys.stdout.write("\n".join(out) + "\n")


solve()
<<< "3\n1\n2\n4\n"
"NO\nYES\nYES\n"

### leaving early when done
import sys

n = int(input())
if n == 0:
    print("none")
    sys.exit(0)
print("some")
<<< "0\n"
"none\n"
<<< "1\n"
"some\n"

### recursion in a thread with a larger stack
import sys
import threading


def main():
    def down(n):
        return 0 if n == 0 else 1 + down(n - 1)

    print(down(int(input())))


sys.setrecursionlimit(1 << 20)
threading.stack_size(1 << 26)
thread = threading.Thread(target=main)
thread.start()
thread.join()
<<< "20000\n"
"20000\n"

### breadth first search on a grid
from collections import deque

h, w = map(int, input().split())
grid = [input() for _ in range(h)]
dist = {(0, 0): 0}
queue = deque([(0, 0)])
while queue:
    r, c = queue.popleft()
    for a, b in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
        if 0 <= a < h and 0 <= b < w and grid[a][b] == "." and (a, b) not in dist:
            dist[a, b] = dist[r, c] + 1
            queue.append((a, b))
print(dist.get((h - 1, w - 1), -1))
<<< "2 3\n..#\n#..\n"
"3\n"

### many tests with a helper
from math import gcd


def solve():
    a, b = map(int, input().split())
    return a * b // gcd(a, b)


for _ in range(int(input())):
    print(solve())
<<< "2\n4 6\n5 7\n"
"12\n35\n"

### floats with a format
r = float(input())
print(f"{3.141592653589793 * r * r:.3f}")
<<< "2\n"
"12.566\n"

### segment tree
import sys


class SegmentTree:
    def __init__(self, xs):
        self.n = len(xs)
        self.t = [0] * self.n + xs
        for i in range(self.n - 1, 0, -1):
            self.t[i] = self.t[2 * i] + self.t[2 * i + 1]

    def query(self, l, r):
        l += self.n
        r += self.n
        total = 0
        while l < r:
            if l & 1:
                total += self.t[l]
                l += 1
            if r & 1:
                r -= 1
                total += self.t[r]
            l >>= 1
            r >>= 1
        return total


def main():
    n, q = map(int, sys.stdin.readline().split())
    tree = SegmentTree(list(map(int, sys.stdin.readline().split())))
    for _ in range(q):
        l, r = map(int, sys.stdin.readline().split())
        print(tree.query(l - 1, r))


main()
<<< "4 2\n1 2 3 4\n1 3\n2 4\n"
"6\n9\n"

### sieve of a million
n = int(input())
sieve = bytearray([1]) * (n + 1)
sieve[0:2] = b"\0\0"
for i in range(2, int(n**0.5) + 1):
    if sieve[i]:
        sieve[i * i :: i] = bytes(len(range(i * i, n + 1, i)))
print(sum(sieve))
<<< "1000000\n"
"78498\n"

### modular powers
MOD = 10**9 + 7
n, k = map(int, input().split())
fact = [1]
for i in range(1, n + 1):
    fact.append(fact[-1] * i % MOD)
print(fact[n] * pow(fact[k], MOD - 2, MOD) * pow(fact[n - k], MOD - 2, MOD) % MOD)
<<< "10 3\n"
"120\n"

### dictionary of names
count = {}
for _ in range(int(input())):
    name = input()
    if name in count:
        print(f"{name}{count[name]}")
        count[name] += 1
    else:
        print("OK")
        count[name] = 1
<<< "3\nabacaba\nacaba\nabacaba\n"
"OK\nOK\nabacaba1\n"

### input into a list with map
*xs, last = map(int, open(0).read().split())
print(*sorted(xs), sep=",")
print(last)
<<< "3 1 2 9"
"1,2,3\n9\n"

### print without a line end
n = int(input())
for i in range(1, n + 1):
    print(i, end=" " if i < n else "\n")
<<< "4\n"
"1 2 3 4\n"

### text of several alphabets
print(input().upper(), len("äß"))
<<< "grüße\n"
"GRÜSSE 2\n"

### end of input by an error
total = 0
while True:
    try:
        total += int(input())
    except EOFError:
        break
print(total)
<<< "1\n2\n3"
"6\n"

### a program of asserts and prints
import itertools

n = int(input())
xs = [int(x) for x in input().split()]
assert len(xs) == n
print(*itertools.accumulate(xs))
<<< "3\n1 2 3\n"
"1 3 6\n"

### exit by name at the end
print(int(input()) * 2)
exit()
<<< "21\n"
"42\n"

### quick output buffer
import io, os, sys

buffer = io.BytesIO(os.read(0, os.fstat(0).st_size or 1 << 16))
lines = buffer.read().split()
sys.stdout.write(str(len(lines)))
<<< "a b c\n"
"3"
"""

CORNERS = r"""
### rounding to even
def rounded(xs):
    return [round(x) for x in xs] + [round(2.675, 2), round(-0.5), round(1234, -2)]
>>> rounded([0.5, 1.5, 2.5])
[0, 2, 2, 2.67, 0, 1200]

### negative division
def divided(a, b):
    return a // b, a % b, divmod(-a, b), divmod(a, -b), int(a / b)
>>> divided(-7, 2)
(-4, 1, (3, 1), (3, -1), -3)

### lazy generator expressions
def looked_at(xs):
    seen = []

    def look(x):
        seen.append(x)
        return x > 2

    found = any(look(x) for x in xs)
    return found, seen
>>> looked_at([1, 3, 5, 7])
(True, [1, 3])

### a generator that is consumed once
def twice(xs):
    squares = (x * x for x in xs)
    return sum(squares), sum(squares)
>>> twice([1, 2, 3])
(14, 0)

### zip that stops early
def pairs(xs):
    it = iter(xs)
    return list(zip(it, it))
>>> pairs([1, 2, 3, 4, 5])
[(1, 2), (3, 4)]

### a map that is exhausted
def spent(xs):
    doubled = map(lambda x: 2 * x, xs)
    first = list(doubled)
    return first, list(doubled)
>>> spent([1, 2])
([2, 4], [])

### late binding
def closures():
    return [f() for f in [lambda: i for i in range(3)]], [f() for f in [lambda i=i: i for i in range(3)]]
>>> closures()
([2, 2, 2], [0, 1, 2])

### mutable default
def collect(x, seen=[]):
    seen.append(x)
    return list(seen)
>>> collect(1)
[1]
>>> collect(2)
[1, 2]

### finally wins
def ends():
    try:
        return "try"
    finally:
        return "finally"
>>> ends()
'finally'

### loops with else
def first_divisor(n):
    for k in range(2, n):
        if n % k == 0:
            break
    else:
        return n
    return k
>>> first_divisor(35)
5
>>> first_divisor(37)
37

### text methods
def shapes(text):
    return text.partition("="), text.title(), text.swapcase(), text.zfill(8), text.center(9, "*"), text.rsplit("=", 1)
>>> shapes("ab=cd")
(('ab', '=', 'cd'), 'Ab=Cd', 'AB=CD', '000ab=cd', '**ab=cd**', ['ab', 'cd'])

### slices
def sliced(xs):
    return xs[::-2], xs[-3:-1], xs[5:1:-1], xs[10:], xs[:-100]
>>> sliced([0, 1, 2, 3, 4, 5, 6])
([6, 4, 2, 0], [4, 5], [5, 4, 3, 2], [], [])

### big numbers
def large(n):
    return 2**n % 10**9, len(str(3**n)), (1 << n) >> (n - 3), (1 << n).bit_length()
>>> large(200)
(835301376, 96, 8, 201)

### stable order
def ordered(words):
    return sorted(words, key=len, reverse=True), min(words, key=len), max(words, key=len)
>>> ordered(["bb", "a", "cc", "d", "eee"])
(['eee', 'bb', 'cc', 'a', 'd'], 'a', 'eee')

### unpacking
def unpacked(xs):
    first, *middle, last = xs
    (a, b), c = (first, last), [*middle, *range(2)]
    return a, b, c, {**{"x": 1}, "y": 2}
>>> unpacked([1, 2, 3, 4])
(1, 4, [2, 3, 0, 1], {'x': 1, 'y': 2})

### dictionaries keep their order
def turned(d):
    out = {v: k for k, v in d.items()}
    out.pop(1, None)
    out[1] = "again"
    return list(out.items())
>>> turned({"a": 1, "b": 2, "c": 1})
[(2, 'b'), (1, 'again')]

### formats of numbers
def formats(x):
    return f"{x:.3e}", f"{x:g}", f"{x!r}", "%05.1f|%-6s|%x" % (x, "ab", 255), "{:>8,.2f}".format(x), f"{1234567:_}"
>>> formats(1234.5)
('1.234e+03', '1234.5', '1234.5', '1234.5|ab    |ff', '1,234.50', '1_234_567')

### sets and their algebra
def algebra(a, b):
    a, b = set(a), set(b)
    return sorted(a | b), sorted(a & b), sorted(a ^ b), a <= a | b, a.isdisjoint(b)
>>> algebra([1, 2], [2, 3])
([1, 2, 3], [2], [1, 3], True, False)

### bytes
def coded(text):
    raw = text.encode("utf-8")
    return len(raw), raw[0], raw.hex(), raw.decode(), bytes([65, 66])
>>> coded("é")
(2, 195, 'c3a9', 'é', b'AB')

### chained comparisons and bools
def logic(x):
    return 0 < x < 10, x or "none", x and "some", not x, True + True, [] == False
>>> logic(0)
(False, 'none', 0, True, 2, False)

### nested functions with nonlocal
def counter(n):
    count = 0

    def up():
        nonlocal count
        count += 1
        return count

    return [up() for _ in range(n)], count
>>> counter(3)
([1, 2, 3], 3)

### equal objects
def equalities():
    return 1 == 1.0, "1" == 1, (1, 2) == [1, 2], float("nan") == float("nan"), 0.1 + 0.2 == 0.3, None is None
>>> equalities()
(True, False, False, False, False, True)

### several exceptions
def tried(values):
    out = []
    for v in values:
        try:
            out.append(10 / int(v))
        except ZeroDivisionError:
            out.append("zero")
        except (ValueError, TypeError) as error:
            out.append(type(error).__name__)
        else:
            out[-1] = round(out[-1], 2)
    return out
>>> tried(["3", "0", "x", None])
[3.33, 'zero', 'ValueError', 'TypeError']

### sorting by comparison
from functools import cmp_to_key


def largest_number(xs):
    words = sorted(map(str, xs), key=cmp_to_key(lambda a, b: -1 if a + b > b + a else 1))
    return "".join(words)
>>> largest_number([3, 30, 34, 5, 9])
'9534330'

### time that is measured
import time


def timed(n):
    start = time.perf_counter()
    total = sum(range(n))
    return total, time.perf_counter() >= start
>>> timed(1000)
(499500, True)
"""

NUMPY = r"""
### mean of columns
import numpy as np


def column_means(rows):
    return np.mean(np.array(rows, dtype=float), axis=0).tolist()
>>> column_means([[1, 2], [3, 4]])
[2.0, 3.0]

### product of matrices
import numpy as np


def multiply(a, b):
    return (np.array(a) @ np.array(b)).tolist()
>>> multiply([[1, 2], [3, 4]], [[0, 1], [1, 0]])
[[2, 1], [4, 3]]

### determinant
import numpy as np


def determinant(rows):
    return round(float(np.linalg.det(np.array(rows))), 6)
>>> determinant([[2, 0], [0, 3]])
6.0

### solving equations
from numpy.linalg import solve
from numpy import array


def solved(a, b):
    return [round(x, 6) for x in solve(array(a), array(b)).tolist()]
>>> solved([[2.0, 1.0], [1.0, 3.0]], [3.0, 5.0])
[0.8, 1.4]

### running sums
import numpy


def running(xs):
    return [int(x) for x in numpy.cumsum(xs)]
>>> running([1, 2, 3])
[1, 3, 6]

### import in the function
def standardised(xs):
    import numpy as np
    xs = np.asarray(xs, dtype=np.float64)
    return ((xs - xs.mean()) / xs.std()).round(6).tolist()
>>> standardised([1, 2, 3])
[-1.224745, 0.0, 1.224745]

### primes by a mask
import numpy as np


def primes_below(n):
    mask = np.ones(n, dtype=bool)
    mask[:2] = False
    for i in range(2, int(n ** 0.5) + 1):
        if mask[i]:
            mask[i * i :: i] = False
    return np.flatnonzero(mask).tolist()
>>> primes_below(20)
[2, 3, 5, 7, 11, 13, 17, 19]

### a large matrix
import numpy as np


def trace_of_square(n):
    a = np.eye(n) * 2
    return float(np.trace(a @ a))
>>> trace_of_square(400)
1600.0

### unique values
import numpy as np


def unique_counts(xs):
    values, counts = np.unique(xs, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist()))
>>> unique_counts([3, 1, 3])
{1: 1, 3: 2}

### stdin with numpy
import numpy as np

n = int(input())
xs = np.array(input().split(), dtype=np.int64)
print(int(xs[:n].sum()))
<<< "3\n1 2 3\n"
"6\n"

### fourier
import numpy as np


def convolve(a, b):
    n = len(a) + len(b) - 1
    out = np.fft.irfft(np.fft.rfft(a, n) * np.fft.rfft(b, n), n)
    return np.rint(out).astype(int).tolist()
>>> convolve([1, 2, 3], [0, 1])
[0, 1, 2, 3]

### a number of numpy
import numpy as np


def spread(xs):
    return np.std(xs), np.max(xs), bool(np.any(np.array(xs) > 2)), np.argmax(xs)
>>> spread([1, 2, 3, 4])
(1.118033988749895, 4, True, 3)

### numbers of numpy in a list and a dictionary
import numpy as np


def doubled(xs):
    out = [2 * x for x in np.array(xs)]
    return out, {x: [np.float64(x)] for x in np.unique(xs)}
>>> doubled([1, 1, 2])
([2, 2, 4], {1: [1.0], 2: [2.0]})

### seeded random numbers
import numpy as np


def shuffled_sum(n):
    rng = np.random.default_rng(0)
    return int(rng.permutation(n).sum())
>>> shuffled_sum(1000)
499500
"""

STYLES = {
    "HumanEval": HUMAN_EVAL,
    "MBPP": MBPP,
    "LeetCode": LEET_CODE,
    "corners": CORNERS,
    "stdin": STDIN,
    "numpy": NUMPY,
}
