"""What is kept in MLflow: runs, versions, aliases, and the documents that go with them."""
