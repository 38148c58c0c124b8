"""The floor of pure arrays: numpy in, numpy or small frozen records out; it knows no run, no file and no chart.

`arrays` names the array types, `threads` keeps linear algebra on one thread, and `levels` holds the normal
distribution, the thresholds that rooms share and the price of several tests at once; `margins` says what counts as a
change of a score in its own unit, and `rates` how sure a rate over problems is, and the difference of two. `smoothing`
draws a line through noise, `noise` says how large the noise is and `eval_noise` how alike neighbouring evals err,
`noise_posterior` what is believed of the noise after the run's own scatter, `gp` gives the posterior of the level
behind noisy evals, `cliffs` that of one which may also jump, and when it fell, `local_level` gives the random-walk
smoother with its matrices, and `roots` those with which values become independent. `correlation` asks whether two
series move together. What one series does is told by `course`, a word only where a test with a stated error has one,
with the fits through AR(1) noise of `autoregressive`;
`trend` says what its last window did, and whether it rises late. `passk` estimates pass@k and `gram` the noise of evals
that share their problems; `scan` says whether the level has truly fallen and how small a fall could be seen, `turning`
whether a rise and a fall stand out of whatever noise there is, `checkpoint` which checkpoint to take, and `search`
finds the best checkpoint with few evals. `hacking` asks which share of the rewarded answers fails hidden tests and
whether that is more than is tolerated, `onset` since when it is, `beta` is the distribution of such a share,
`isotonic` fits one that only rises, and `log_odds` says which kinds of answers grew. `copies` tells whether two columns
hold one measurement. `gap` asks whether a reward and a score are far apart, or part.

Recipes of several seeds are compared by `crossed`, which counts seeds and problems; `seeds` knows one number a seed.
`simultaneous` holds several differences at once, `best` says which recipes may be the best, `equivalence` when two are
the same, and `student` is the distribution that all of them use. `flips` says how many problems turn by chance alone.

Everything here imports numpy and the standard library only. scipy.stats and scipy.signal take one to two seconds to
import, and scipy.special a third of a second, which a command line report should not pay; the few lines that replace
them are tested against them.
"""
