"""`make bench`: what Machinami does per second, beside bare limits of the same machine in the same run."""
