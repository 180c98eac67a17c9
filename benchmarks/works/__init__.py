"""What works with the blocks in each framework, found by running it: :mod:`benchmarks.works.__main__`."""
