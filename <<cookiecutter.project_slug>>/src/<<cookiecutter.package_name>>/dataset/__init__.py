"""Tables: read, held against the contract, split."""
