"""Random models made and saved by real Keras, opened, run and saved back by cornu.

    KERAS_BACKEND=jax python -m fuzz --seed 1 --models 1000 --cornu target/debug/cornu

Run it in `tests/keras`, or as `cargo xtask fuzz-keras`. The modules in reading order: `draw` (random
choices), `settings` (arguments that many layers share), `graph` (a model while it is made),
`plain_layers`, `sequence_layers`, `wrappers`, `calls`, `operations`,
`more_operations` (what a model is made of),
`models` (whole models), `compare` (tolerances), `command` (runs of cornu), `training`, `case` (what
is done with one model), `shrink`, `known` (differences that are explained), `report`, `jobs` (runs of many models).
"""
