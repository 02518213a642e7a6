"""What the scripts for the cluster share: kubectl, releases and their records, checks of the service, the canary."""
