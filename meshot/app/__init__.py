"""What a person sees: commands, pages, files of a run, batches. The library never imports it."""
