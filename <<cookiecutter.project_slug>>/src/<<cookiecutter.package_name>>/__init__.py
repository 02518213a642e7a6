"""Train, judge and register one model from a data contract."""
