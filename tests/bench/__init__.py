"""The benchmarks run, and tell what they promise to tell. How fast anything is, no test asserts."""
