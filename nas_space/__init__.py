"""What can be built: search spaces, architectures as plain data, factors and exact costs."""
