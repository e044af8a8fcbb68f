"""What a simulation costs, beside what others would write for it: `make bench`. Nothing here is a test, and no test asserts a time."""
