"""The data contract: loaded, checked, compared, inferred."""
