"""Which networks, evaluated under which protocol, on which workers, into which results file."""
