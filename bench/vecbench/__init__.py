"""vecbench: measures vecidx beside other vector extensions in one PostgreSQL cluster. bench/README.md is the manual."""
