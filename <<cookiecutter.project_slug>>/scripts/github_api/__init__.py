"""What the scripts for GitHub share: its command line, the plan of a repository, the packed tracking store."""
