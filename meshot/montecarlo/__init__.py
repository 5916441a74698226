"""Transport by Monte-Carlo integration, in any dimension: masses of cells are counted with samples of the source."""
