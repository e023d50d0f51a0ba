"""What runs the project: environment, tests, benches."""
