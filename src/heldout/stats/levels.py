"""The thresholds that several rooms share, each once, with where it comes from.

A threshold that only one module knows stays there. Those of a share are fractions: 0.02 is two points of a pass rate.
"""

from __future__ import annotations

from heldout.stats.normal import quantile

# How sure. 95 % is the custom of the field; an interval of 90 % is one-sided 95 % at either end, as in an equivalence
# test (Schuirmann 1987).
TWO_SIDED_95 = quantile(0.975)  # 1.96 standard errors
ONE_SIDED_95 = quantile(0.95)  # 1.645 standard errors
FALSE_ALARMS = 0.05  # chance of a confirmed alarm in a whole run that never falls

# What counts as a change of a held-out rate.
LEVEL = (
    0.02  # a smaller change over a quarter of the run is level; 0.03 called a third of honest ramps of 8 points level
)
DROP = 0.005  # falls below half a point are not asked about: a sudden rise rings by as much in the posterior
ONSET = 0.01  # a rate that is one point below its peak has begun to fall
COARSE = 0.05  # evaluations that show only larger falls cannot call a run level

# How many. Each is a number of problems, whatever their samples, or of evaluations.
FEWEST_TO_CONFIRM = 30  # problems below which the normal approximation of the scan is not to be trusted
ENOUGH_PROBLEMS = 200  # of simulated declines 100 problems show 59 to 78 %, 200 show 78 to 93 %
FEWEST_EVALUATIONS, MOST_EVALUATIONS = 20, 40  # of a run: between them the optimum is flat in simulations
