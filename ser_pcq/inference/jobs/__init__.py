"""Many recordings as one job, whose results outlive an interruption."""
